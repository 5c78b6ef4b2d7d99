// The evidence drawer: whatever htmx swaps into #drawer opens the <dialog> around it. The native dialog keeps focus inside,
// closes on Esc and gives focus back. The address keeps ?drawer=/path so that the open drawer can be linked to.
(function () {
  "use strict";
  var panel = document.getElementById("drawer-panel");
  var slot = document.getElementById("drawer");
  if (!panel || !slot || !window.htmx) { return; }

  var remember = function (path) {
    var address = new URL(window.location.href);
    if (path) { address.searchParams.set("drawer", path); } else { address.searchParams.delete("drawer"); }
    window.history.replaceState(window.history.state, "", address);
  };
  // Only our own pages: a path of this origin, never another address.
  var ownPath = function (text) {
    if (!text || text[0] !== "/" || text[1] === "/" || text[1] === "\\") { return null; }
    var address = new URL(text, window.location.origin);
    return address.origin === window.location.origin ? address.pathname + address.search : null;
  };
  var open = function (path) {
    if (!panel.open) { panel.showModal(); }
    if (path) { remember(path); }
    panel.scrollTop = 0;
    var heading = slot.querySelector("h2");
    if (heading) { heading.tabIndex = -1; heading.focus({ preventScroll: true }); }
  };

  document.body.addEventListener("htmx:afterSwap", function (event) {
    if (event.detail.target !== slot) { return; }
    var info = event.detail.pathInfo;
    open(info && ownPath(info.finalRequestPath || info.requestPath));
  });
  document.body.addEventListener("htmx:responseError", function (event) {
    if (event.detail.target !== slot) { return; }
    slot.textContent = "This could not be opened (HTTP " + event.detail.xhr.status + "). Open it as a page of its own, or reload.";
    open(null);
  });
  panel.addEventListener("close", function () { remember(null); slot.replaceChildren(); });
  panel.addEventListener("click", function (event) {
    if (event.target === panel || event.target.closest("[data-drawer-close]")) { event.preventDefault(); panel.close(); }
  });

  var wanted = ownPath(new URL(window.location.href).searchParams.get("drawer"));
  if (wanted) { window.htmx.ajax("GET", wanted, { target: "#drawer", select: ".drawer-content", swap: "innerHTML" }); }
})();
