// Demo accounts: "Use" fills the form and moves to the button; nothing is sent until the person presses it.
(function () {
  "use strict";
  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-demo-username]");
    if (!button) { return; }
    var form = document.getElementById("login-form");
    form.elements.username.value = button.dataset.demoUsername;
    form.elements.password.value = button.dataset.demoPassword;
    form.querySelector("button[type=submit]").focus();
  });
})();
