// The provenance graph: a node that has a document opens it in the evidence drawer, and what is joined to a node stands out
// while it is pointed at. Without this script the nodes are plain links.
(function () {
  "use strict";
  var graph = document.querySelector("svg.graph");
  if (!graph || !window.htmx) { return; }
  graph.addEventListener("click", function (event) {
    var node = event.target.closest("a[data-drawer]");
    if (!node || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) { return; }
    event.preventDefault();
    window.htmx.ajax("GET", node.getAttribute("href"), { target: "#drawer", select: ".drawer-content", swap: "innerHTML" });
  });
})();
