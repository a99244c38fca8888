// Airflow keeps its colour mode in this origin's storage; the console's pages follow it, inside its frame and outside.
(() => {
  const KEY = "theme";
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    let wanted = null;
    try {
      wanted = window.localStorage.getItem(KEY);
    } catch {
      wanted = null;
    }
    const mode = wanted === "dark" || wanted === "light" ? wanted : dark.matches ? "dark" : "light";
    if (document.documentElement.dataset.theme !== mode) {
      document.documentElement.dataset.theme = mode;
      window.dispatchEvent(new CustomEvent("themechange"));
    }
  };
  apply();
  window.addEventListener("storage", (event) => event.key === KEY && apply());
  dark.addEventListener("change", apply);
})();
