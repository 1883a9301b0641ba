// Exchanges the access token for a cookie. The token is stored nowhere else.

document.getElementById('signin')?.addEventListener('submit', async (event) => {
  event.preventDefault();
  const { value: token } = /** @type {HTMLInputElement} */ (document.getElementById('token'));
  const headers = { 'Content-Type': 'application/json' };
  const response = await fetch('/api/signin', { method: 'POST', headers, body: JSON.stringify({ token }) });
  if (response.ok) location.reload();
  else document.getElementById('error')?.replaceChildren((await response.json()).error);
});
