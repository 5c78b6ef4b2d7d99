// Small manners of forms; every one of them also works without this file.
(function () {
  "use strict";
  // The error summary takes focus, so that a screen reader and the eye start there; its links jump to the fields.
  var summary = document.querySelector("[data-error-summary]");
  if (summary) { summary.focus(); }

  // A second click on a form that is being sent does nothing; the server answers "already done" all the same.
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (event.defaultPrevented || form.method === "get" || form.hasAttribute("data-resubmit")) { return; }
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    setTimeout(function () { delete form.dataset.sent; }, 8000); // a refused or cancelled request gives the button back
  });

  // Filters apply on change: <form data-autosubmit>.
  document.addEventListener("change", function (event) {
    var form = event.target.form;
    if (form && form.hasAttribute("data-autosubmit")) { form.requestSubmit(); }
  });

  // Log tails show their last line.
  var tail = function (root) {
    root.querySelectorAll("[data-tail]").forEach(function (log) { log.scrollTop = log.scrollHeight; });
  };
  tail(document);
  document.body.addEventListener("htmx:afterSwap", function (event) { tail(event.detail.target); });
})();
