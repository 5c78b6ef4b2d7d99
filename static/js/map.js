// Draws one GeoJSON address on paper with a graticule: no tiles, no labels from elsewhere. The text twin stands without it.
(function () {
  "use strict";
  var reading = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

  // MapLibre does not read oklch(): let the browser paint the token and read the pixel.
  var colour = function (token, alpha) {
    reading.clearRect(0, 0, 1, 1);
    var probe = document.createElement("span");
    probe.className = "visually-hidden";
    probe.style.color = "var(" + token + ")"; // CSSOM, which the policy allows; no style attribute in the page's source
    document.body.appendChild(probe);
    reading.fillStyle = getComputedStyle(probe).color;
    probe.remove();
    reading.fillRect(0, 0, 1, 1);
    var pixel = reading.getImageData(0, 0, 1, 1).data;
    return "rgba(" + pixel[0] + "," + pixel[1] + "," + pixel[2] + "," + alpha + ")";
  };

  var graticule = function (box) {
    var span = Math.max(box[2] - box[0], box[3] - box[1], 0.001);
    var step = [30, 10, 5, 2, 1, 0.5, 0.25, 0.1, 0.05, 0.01, 0.001].find(function (size) { return span / size >= 3; }) || 0.001;
    var lines = [];
    // The frame is drawn well beyond the data, so that zooming out still shows paper and grid.
    var west = Math.max(-180, Math.floor((box[0] - span * 2) / step) * step);
    var east = Math.min(180, box[2] + span * 2);
    var south = Math.max(-85, Math.floor((box[1] - span * 2) / step) * step);
    var north = Math.min(85, box[3] + span * 2);
    for (var x = west; x <= east; x += step) { lines.push([[x, south], [x, north]]); }
    for (var y = south; y <= north; y += step) { lines.push([[west, y], [east, y]]); }
    return { type: "Feature", properties: {}, geometry: { type: "MultiLineString", coordinates: lines } };
  };

  var extent = function (data) {
    var box = [Infinity, Infinity, -Infinity, -Infinity];
    var visit = function (point) {
      if (typeof point[0] === "number") {
        box[0] = Math.min(box[0], point[0]); box[2] = Math.max(box[2], point[0]);
        box[1] = Math.min(box[1], point[1]); box[3] = Math.max(box[3], point[1]);
      } else { point.forEach(visit); }
    };
    var walk = function (node) {
      if (!node) { return; }
      if (node.features) { node.features.forEach(function (feature) { walk(feature.geometry); }); }
      else if (node.geometry) { walk(node.geometry); }
      else if (node.geometries) { node.geometries.forEach(walk); }
      else if (node.coordinates) { visit(node.coordinates); }
    };
    walk(data);
    return box[0] <= box[2] ? box : null;
  };

  var paint = function (map) {
    map.setPaintProperty("paper", "background-color", colour("--paper-sunk", 1));
    map.setPaintProperty("graticule", "line-color", colour("--line-strong", 0.45));
    map.setPaintProperty("areas", "fill-color", colour("--accent", 0.2));
    map.setPaintProperty("edges", "line-color", colour("--accent", 1));
    map.setPaintProperty("points", "circle-color", colour("--accent", 0.75));
    map.setPaintProperty("points", "circle-stroke-color", colour("--paper", 1));
  };

  var style = function (data, box) {
    return {
      version: 8,
      sources: { data: { type: "geojson", data: data }, graticule: { type: "geojson", data: graticule(box) } },
      layers: [
        { id: "paper", type: "background", paint: {} },
        { id: "graticule", type: "line", source: "graticule", paint: { "line-width": 0.75 } },
        { id: "areas", type: "fill", source: "data", filter: ["==", ["geometry-type"], "Polygon"], paint: {} },
        { id: "edges", type: "line", source: "data", filter: ["!=", ["geometry-type"], "Point"], paint: { "line-width": 1.25 } },
        { id: "points", type: "circle", source: "data", filter: ["==", ["geometry-type"], "Point"], paint: { "circle-radius": 4, "circle-stroke-width": 1 } },
      ],
    };
  };

  var describe = function (feature) {
    var names = Object.keys(feature.properties || {});
    if (!names.length) { return "This feature has no properties."; }
    return names.slice(0, 8).map(function (name) { return name + ": " + feature.properties[name]; }).join(" · ")
      + (names.length > 8 ? " · and " + (names.length - 8) + " more" : "");
  };

  var draw = function (holder, data, box, say) {
    var narrow = box[0] === box[2] && box[1] === box[3];
    var map = new window.maplibregl.Map({
      container: holder, style: style(data, box), attributionControl: false, dragRotate: false, pitchWithRotate: false,
      bounds: [[box[0], box[1]], [box[2], box[3]]], fitBoundsOptions: { padding: 28, maxZoom: narrow ? 10 : 16 },
      cooperativeGestures: true, fadeDuration: 0,
    });
    map.addControl(new window.maplibregl.NavigationControl({ showCompass: false }), "top-right");
    map.addControl(new window.maplibregl.ScaleControl({ unit: "metric" }));
    map.on("style.load", function () { paint(map); });
    map.once("idle", function () { holder.dataset.drawn = "yes"; });
    map.on("error", function (event) { say("The map could not be drawn (" + event.error.message + "). The facts are below."); });
    var repaint = function () { if (map.isStyleLoaded()) { paint(map); } };
    document.addEventListener("kfm:theme", repaint);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
    var words = holder.parentElement.querySelector("[data-map-hover]");
    map.on("mousemove", function (event) {
      var found = map.queryRenderedFeatures(event.point, { layers: ["points", "edges", "areas"] })[0];
      map.getCanvas().classList.toggle("over-feature", Boolean(found));
      if (found && words) { words.textContent = describe(found); }
    });
  };

  var start = function (holder) {
    holder.dataset.started = "yes";
    var state = holder.querySelector(".map-state");
    var say = function (text) { state.textContent = text; };
    var probe = document.createElement("canvas");
    if (!window.maplibregl || !(probe.getContext("webgl2") || probe.getContext("webgl"))) {
      say("This browser cannot draw the map (no WebGL). The facts are below.");
      return;
    }
    say("Loading the map…");
    fetch(holder.dataset.mapSrc, { credentials: "same-origin", headers: { Accept: "application/geo+json, application/json" } })
      .then(function (answer) {
        if (!answer.ok) { throw new Error("HTTP " + answer.status); }
        return answer.json();
      })
      .then(function (data) {
        var named = (holder.dataset.bbox || "").split(",").map(Number);
        var box = named.length === 4 && named.every(Number.isFinite) && holder.dataset.bbox ? named : extent(data);
        if (!box) { say("There is nothing to draw: no feature has a geometry."); return; }
        draw(holder, data, box, say);
        say("");
      })
      .catch(function (failure) { say("The map's data could not be loaded (" + failure.message + "). The facts are below."); });
  };

  var all = function () { document.querySelectorAll(".map[data-map-src]:not([data-started])").forEach(start); };
  all();
  document.body.addEventListener("htmx:afterSettle", all);
})();
