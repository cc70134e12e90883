// Passkeys: each element with data-passkey is the way to one ceremony. Where the browser has none, it stays hidden, and
// signing in goes with name, password and code.

const able = window.isSecureContext && window.PublicKeyCredential && location.hostname !== "" && !/^[\d.]+$|^\[/.test(location.hostname);

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

async function send(path, csrf, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "X-CSRF-Token": csrf, "Content-Type": "application/json" },
    body: JSON.stringify(body ?? {}),
  });
  if (answer.ok) return answer.json();
  const said = Object.assign(new Error((await answer.text()).trim()), { status: answer.status });
  if (!(answer.headers.get("Content-Type") ?? "").startsWith("text/plain")) said.message = "That did not work. Reload the page and try again.";
  throw said;
}

// The options come as JSON with base64url where WebAuthn wants bytes.
function creation(o) {
  o.challenge = bytes(o.challenge);
  o.user.id = bytes(o.user.id);
  for (const c of o.excludeCredentials ?? []) c.id = bytes(c.id);
  return o;
}

function request(o) {
  o.challenge = bytes(o.challenge);
  for (const c of o.allowCredentials ?? []) c.id = bytes(c.id);
  return o;
}

function told(credential) {
  const r = credential.response;
  const out = {
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: { clientDataJSON: text(r.clientDataJSON) },
  };
  if (r.attestationObject) {
    out.response.attestationObject = text(r.attestationObject);
    out.response.transports = r.getTransports?.() ?? [];
  } else {
    out.response.authenticatorData = text(r.authenticatorData);
    out.response.signature = text(r.signature);
    if (r.userHandle) out.response.userHandle = text(r.userHandle);
  }
  return out;
}

async function run(box) {
  const { passkey: path, csrf, next } = box.dataset;
  const begun = await send(path, csrf);
  const credential =
    "create" in box.dataset
      ? await navigator.credentials.create({ publicKey: creation(begun.options) })
      : await navigator.credentials.get({ publicKey: request(begun.options) });
  const name = box.querySelector("input[name=name]")?.value ?? "";
  const done = await send(path + "/finish", csrf, { ticket: begun.ticket, name, next: next ?? "", answer: told(credential) });
  location.assign(done.next);
}

for (const box of document.querySelectorAll("[data-passkey]")) {
  if (!able) continue;
  box.hidden = false;
  const button = box.querySelector("button");
  const fault = box.querySelector(".fault");
  button.addEventListener("click", async () => {
    button.disabled = true;
    fault.textContent = "";
    try {
      await run(box);
    } catch (e) {
      button.disabled = false;
      if (e.status === 428) {
        location.assign("/confirm?next=/account");
        return;
      }
      // The browser does not tell whether somebody said no or took too long.
      fault.textContent = e.name === "NotAllowedError" ? "No passkey was given." : e.name === "InvalidStateError" ? "This device has a passkey of yours already." : e.message;
    }
  });
}
if (able) for (const hint of document.querySelectorAll("[data-without-passkey]")) hint.hidden = true;
