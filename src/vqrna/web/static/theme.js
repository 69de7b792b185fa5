// Before the first paint: the theme that was chosen on this device.
"use strict";
(() => {
  const theme = localStorage.getItem("theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
  document.documentElement.classList.add("js");
})();
