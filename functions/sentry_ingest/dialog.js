// The dialog in which people say what happened. It lives in a shadow root, so that the styles of the
// page and its own do not meet. All texts are set as texts, never as markup.
(() => {
  const script = document.currentScript;
  if (!script) return;
  const options = {
    title: "It looks like we are having issues.",
    subtitle: "Our team has been notified.",
    subtitle2: "If you would like to help, tell us what happened below.",
    labelName: "Name",
    labelEmail: "E-mail",
    labelComments: "What happened?",
    labelClose: "Close",
    labelSubmit: "Send",
    errorGeneric: "The report could not be sent. Please try again.",
    errorFormEntry: "Some fields are not valid. Please correct them and try again.",
    successMessage: "Your report has been sent. Thank you!",
    name: "",
    email: "",
    ...{/* options */},
  };
  const make = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const opener = document.activeElement;
  const host = make("div");
  const root = host.attachShadow({ mode: "open" });
  // Not a style element: a content security policy of the page may forbid it.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    dialog { font: 16px/1.5 system-ui, sans-serif; color: #1d1b26; background: #fff; border: 0;
      border-radius: 8px; padding: 24px; width: min(480px, calc(100vw - 32px)); box-sizing: border-box; }
    dialog::backdrop { background: rgb(20 16 32 / .6); }
    h1 { font-size: 20px; margin: 0 0 4px; } p { margin: 0 0 12px; }
    label { display: block; margin-bottom: 12px; font-weight: 600; }
    input, textarea { display: block; box-sizing: border-box; width: 100%; font: inherit; padding: 8px;
      margin-top: 4px; border: 1px solid #6f6a80; border-radius: 4px; color: inherit; background: #fff; }
    textarea { min-height: 96px; }
    button { font: inherit; padding: 8px 16px; border: 1px solid #6f6a80; border-radius: 4px;
      background: #fff; color: inherit; margin-right: 8px; cursor: pointer; }
    button[type="submit"] { background: #3b2f9e; border-color: #3b2f9e; color: #fff; }
    [role="alert"] { color: #a3122a; } [role="alert"]:empty { display: none; }`);
  root.adoptedStyleSheets = [sheet];

  const field = (name, label, tag, more) => {
    const input = make(tag, { name, required: true, ...more });
    return [make("label", {}, label, input), input];
  };
  const [ofName, name] = field("name", options.labelName, "input", {
    value: options.name,
    autocomplete: "name",
    maxLength: 200,
  });
  const [ofEmail, email] = field("email", options.labelEmail, "input", {
    type: "email",
    value: options.email,
    autocomplete: "email",
    maxLength: 254,
  });
  const [ofComments, comments] = field("comments", options.labelComments, "textarea", {
    maxLength: 4096,
  });
  const problem = make("p", { role: "alert" });
  const heading = make("h1", { id: "title" }, options.title);
  const submit = make("button", { type: "submit" }, options.labelSubmit);
  const close = make("button", { type: "button" }, options.labelClose);
  const form = make(
    "form",
    { noValidate: true },
    make("p", {}, `${options.subtitle} ${options.subtitle2}`),
    problem,
    ofName,
    ofEmail,
    ofComments,
    submit,
    close,
  );
  const dialog = make("dialog", {}, heading, form);
  dialog.setAttribute("aria-labelledby", "title");
  root.append(dialog);

  dialog.addEventListener("close", () => {
    host.remove();
    window.postMessage("__sentry_reportdialog_closed__", "*");
    if (opener instanceof HTMLElement) opener.focus();
  });
  close.addEventListener("click", () => dialog.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!form.checkValidity()) {
      problem.textContent = options.errorFormEntry;
      form.querySelector(":invalid").focus();
      return;
    }
    submit.disabled = true;
    problem.textContent = "";
    const sent = new URLSearchParams({
      name: name.value,
      email: email.value,
      comments: comments.value,
    });
    try {
      const response = await fetch(script.src, { method: "POST", body: sent });
      if (response.ok) {
        const done = make("p", { role: "status" }, options.successMessage);
        form.replaceChildren(done, close);
        close.focus();
        return;
      }
      problem.textContent = response.status === 400 ? options.errorFormEntry : options.errorGeneric;
    } catch {
      problem.textContent = options.errorGeneric;
    }
    submit.disabled = false;
  });
  document.body.append(host);
  dialog.showModal();
  comments.focus();
})();
