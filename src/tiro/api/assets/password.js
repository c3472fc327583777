// Sets a password with the token of the link, which stands behind "#" and so never reaches a log.
const form = document.querySelector("form");
const said = document.querySelector("output");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const [password, again] = form.querySelectorAll("input");
  if (password.value !== again.value) {
    said.textContent = "The two passwords differ.";
    return;
  }
  try {
    const answer = await fetch("/api/v1/auth/link", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token: location.hash.slice(1), password: password.value }),
    });
    if (answer.ok) {
      form.hidden = true;
      history.replaceState(null, "", location.pathname);
      said.textContent = "Your password is set. You can log in with it.";
    } else {
      said.textContent = (await answer.json()).detail;
    }
  } catch {
    said.textContent = "The server does not answer. Try again in a moment.";
  }
});
