// Paper is light, whichever theme the screen has, and has nothing to click on: verdicts open.
{
  const page = document.documentElement.dataset;
  let screenTheme, closed;

  addEventListener("beforeprint", () => {
    screenTheme = page.theme;
    page.theme = "light";
    closed = [...document.querySelectorAll("details.verdict:not([open])")];
    for (const card of closed) card.open = true;
  });

  addEventListener("afterprint", () => {
    page.theme = screenTheme;
    for (const card of closed) card.open = false;
  });
}
