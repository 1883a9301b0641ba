// The access token is exchanged for a cookie; it is kept nowhere else.
document.getElementById('signin').addEventListener('submit', async (event) => {
  event.preventDefault();
  const token = document.getElementById('token').value;
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fetch('/api/signin', { method: 'POST', headers, body: JSON.stringify({ token }) });
  if (answer.ok) location.reload();
  else document.getElementById('said').textContent = (await answer.json()).error;
});
