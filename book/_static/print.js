// Paper is light, whichever theme the screen has.
{
  const page = document.documentElement.dataset;
  let screenTheme;

  addEventListener("beforeprint", () => {
    screenTheme = page.theme;
    page.theme = "light";
  });

  addEventListener("afterprint", () => {
    page.theme = screenTheme;
  });
}
