// Rows by keyboard: j / k or the arrows move between rows of <table data-rows>, Enter opens the row's first link.
// "/" goes to the page's filter, "?" is left to the browser. Nothing happens while typing or with a modifier held.
(function () {
  "use strict";
  var rows = function () { return Array.from(document.querySelectorAll("table[data-rows] tbody tr")); };
  var typing = function (node) { return node.closest("input, textarea, select, [contenteditable], dialog"); };
  var ready = function () {
    rows().forEach(function (row, index) { row.tabIndex = row === document.activeElement || index === 0 ? 0 : -1; });
  };
  var go = function (step) {
    var all = rows();
    if (!all.length) { return; }
    var from = all.indexOf(document.activeElement.closest("tr"));
    var next = all[Math.min(Math.max(from + step, 0), all.length - 1)];
    all.forEach(function (row) { row.tabIndex = row === next ? 0 : -1; });
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) { return; }
    var onRow = event.target.matches("table[data-rows] tbody tr");
    if (event.key === "j" || (onRow && event.key === "ArrowDown")) { event.preventDefault(); go(1); }
    else if (event.key === "k" || (onRow && event.key === "ArrowUp")) { event.preventDefault(); go(-1); }
    else if (event.key === "Enter" && onRow) {
      var link = event.target.querySelector("a[href]");
      if (link) { event.preventDefault(); link.click(); }
    } else if (event.key === "/") {
      var filter = document.querySelector("[data-filter-input]");
      if (filter) { event.preventDefault(); filter.focus(); }
    }
  });
  ready();
  document.body.addEventListener("htmx:afterSettle", ready);
})();
