// An upload shows how much is sent, and a file above the limit is refused before it is. Works without this file.
(function () {
  "use strict";
  var form = function (event) {
    var found = event.target.closest ? event.target.closest("[data-upload]") : null;
    return found;
  };

  // Says beside the file's field what is wrong with it, or takes that away again.
  var complain = function (input, words) {
    var field = input.closest(".field");
    var shown = field.querySelector("[data-upload-error]");
    if (!shown) {
      shown = document.createElement("p");
      shown.className = "field-error";
      shown.setAttribute("data-upload-error", "");
      shown.setAttribute("role", "alert");
      field.appendChild(shown);
    }
    shown.textContent = words;
    field.classList.toggle("field-wrong", words !== "");
    input.setCustomValidity(words);
  };

  document.addEventListener("change", function (event) {
    var holder = form(event);
    if (!holder || event.target.type !== "file") { return; }
    var file = event.target.files[0];
    complain(event.target, file && file.size > Number(holder.dataset.limit) ? holder.dataset.tooLarge : "");
  });

  document.addEventListener("htmx:xhr:progress", function (event) {
    var holder = form(event);
    if (!holder || !event.detail.lengthComputable || !event.detail.total) { return; }
    var part = Math.floor(100 * event.detail.loaded / event.detail.total);
    var box = holder.querySelector("[data-upload-progress]");
    var said = part < 100 ? part + " % sent" : "All sent; the console is keeping it.";
    box.hidden = false;
    box.querySelector("progress").value = part;
    if (box.querySelector("[data-upload-said]").textContent !== said) {
      box.querySelector("[data-upload-said]").textContent = said;
    }
  });

  // A refusal is a page, whatever its status: it is shown, and its summary takes focus as on a whole load.
  document.addEventListener("htmx:beforeSwap", function (event) {
    if (!form({ target: event.detail.requestConfig.elt })) { return; }
    event.detail.shouldSwap = event.detail.shouldSwap || /<main\b/.test(event.detail.serverResponse || "");
    event.detail.isError = event.detail.isError && !event.detail.shouldSwap;
  });
  document.addEventListener("htmx:afterSettle", function () {
    var summary = document.querySelector("[data-error-summary]");
    if (summary) { summary.focus(); }
  });

  ["htmx:sendError", "htmx:responseError"].forEach(function (name) {
    document.addEventListener(name, function (event) {
      var holder = form(event);
      if (!holder) { return; }
      holder.querySelector("[data-upload-progress]").hidden = false;
      holder.querySelector("[data-upload-said]").textContent =
        "The console could not be reached, or ended the transfer. Nothing was kept; send it again.";
    });
  });
})();
