"""Media Playback answers: the documented fields of contacts and interactions, in any of the documented shapes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from cxone_provider.simulator.contacts import KeptContact, KeptInteraction, Participant, Segment


def contact_document(
    contact: KeptContact, interactions: Sequence[dict[str, object]], shapes: frozenset[str]
) -> dict[str, object]:
    """Return ``{contactId, interactions}`` in a shape: ``value``, ``capital``, ``wrapped`` or none of them."""
    items = [{"Interaction": item} for item in interactions] if "wrapped" in shapes else list(interactions)
    name = "Interactions" if "capital" in shapes else "interactions"
    document: dict[str, object] = {"contactId": contact.inner_id, name: items}
    return {"value": document} if "value" in shapes else document


def interaction_document(
    contact: KeptContact, interaction: KeptInteraction, link: dict[str, object]
) -> dict[str, object]:
    """Return an interaction; `link` holds ``fileToPlayUrl``, or nothing."""
    times = {"startTime": timestamp(interaction.started_at), "endTime": timestamp(interaction.at(None))}
    participants = [_participant(interaction, participant) for participant in interaction.participants]
    segments = [_segment(contact, interaction, segment) for segment in interaction.segments]
    data = {**times, **link, "participantDataList": participants, "segmentsDataList": segments}
    return {"mediaType": interaction.spec.media_type, **times, "data": data}


def timestamp(moment: datetime) -> str:
    """Return ISO 8601 in UTC with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _participant(interaction: KeptInteraction, participant: Participant) -> dict[str, object]:
    stages = [
        {
            "stageType": stage.stage_type,
            "startTime": timestamp(interaction.at(stage.start_s)),
            "endTime": timestamp(interaction.at(stage.end_s)),
        }
        for stage in participant.stages
    ]
    return {
        "participantType": participant.participant_type,
        "participantId": participant.participant_id,
        "channel": participant.channel,
        "voiceStages": stages,
    }


def _segment(contact: KeptContact, interaction: KeptInteraction, segment: Segment) -> dict[str, object]:
    spec = contact.spec
    return {
        "segmentId": segment.segment_id,
        "startTime": timestamp(interaction.at(segment.start_s)),
        "endTime": timestamp(interaction.at(segment.end_s)),
        "agentId": segment.agent_id or spec.agent_id,
        "agentName": segment.agent_name or spec.agent_name,
        "skill": segment.skill or spec.skill,
        "direction": spec.direction,
        "disposition": spec.disposition,
        "ani": spec.ani,
        "dnis": spec.dnis,
    }
