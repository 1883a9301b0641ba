// One stream of events for everything. The browser reconnects by itself and names the last event it saw; a stream
// that the server refused (it restarts, say) is opened again by hand, from the same place.

export function listen(onEvent, onState) {
  let last = null;
  let source = null;
  let timer = null;

  function open() {
    source = new EventSource('/api/events' + (last ? `?last=${encodeURIComponent(last)}` : ''));
    source.onopen = () => onState(true);
    source.onmessage = (message) => {
      last = message.lastEventId;
      onEvent(JSON.parse(message.data));
    };
    source.onerror = () => {
      onState(false);
      if (source.readyState === EventSource.CLOSED) again(1000);
    };
  }

  function again(delay) {
    clearTimeout(timer);
    timer = setTimeout(() => {
      source.close();
      open();
    }, delay);
  }

  window.addEventListener('online', () => again(0));
  window.addEventListener('offline', () => onState(false));
  open();
}
