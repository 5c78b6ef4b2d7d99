// Light or dark, before first paint: the one script that is not deferred. The choice is kept in this browser only.
(function () {
  "use strict";
  var root = document.documentElement;
  var key = "kfm-theme";
  var read = function () {
    try { return localStorage.getItem(key); } catch (refused) { return null; } // storage may be switched off
  };
  var keep = function (theme) {
    try { localStorage.setItem(key, theme); } catch (refused) { root.dataset.themeKept = "no"; }
  };
  var chosen = read();
  if (chosen === "light" || chosen === "dark") { root.dataset.theme = chosen; }
  root.classList.add("has-js");

  var shown = function () {
    if (root.dataset.theme) { return root.dataset.theme; }
    return window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  };
  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest("[data-theme-toggle]");
    if (!button) { return; }
    var next = shown() === "dark" ? "light" : "dark";
    root.dataset.theme = next;
    keep(next);
    document.dispatchEvent(new CustomEvent("kfm:theme", { detail: next }));
  });
})();
