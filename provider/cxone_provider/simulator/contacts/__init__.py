"""Contacts: what the APIs of a real tenant list and play, where ``recording-v2`` only knows recordings by id."""

from cxone_provider.simulator.contacts.book import ContactBook, KeptContact, KeptInteraction
from cxone_provider.simulator.contacts.entries import parse_contacts
from cxone_provider.simulator.contacts.model import Contact, Interaction, Participant, Refusal, Segment, Stage

__all__ = [
    "Contact",
    "ContactBook",
    "Interaction",
    "KeptContact",
    "KeptInteraction",
    "Participant",
    "Refusal",
    "Segment",
    "Stage",
    "parse_contacts",
]
