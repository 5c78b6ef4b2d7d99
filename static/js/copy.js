// Copy on click: <button data-copy="whole value">. Says "copied" in words; where the clipboard is refused, selects the value.
(function () {
  "use strict";
  var say = function (button, words) {
    var note = button.querySelector("[data-copy-note]");
    if (!note) { return; }
    note.textContent = words;
    setTimeout(function () { note.textContent = ""; }, 1600);
  };
  var byHand = function (button) {
    var field = document.createElement("textarea");
    field.value = button.dataset.copy;
    field.className = "visually-hidden";
    button.parentNode.appendChild(field);
    field.select();
    var done = document.execCommand("copy");
    field.remove();
    button.focus();
    say(button, done ? "copied" : "could not copy");
  };
  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-copy]");
    if (!button) { return; }
    event.preventDefault();
    if (!navigator.clipboard) { byHand(button); return; }
    navigator.clipboard.writeText(button.dataset.copy).then(
      function () { say(button, "copied"); },
      function () { byHand(button); }
    );
  });
})();
