// Applies the chosen theme before anything is painted; so it is a script and no module. The settings use it, too.
window.theme = {
  get chosen() {
    try {
      return JSON.parse(localStorage.getItem('threadwell:theme:all') ?? '""') || '';
    } catch {
      return '';
    }
  },
  apply() {
    /** @type {Record<string, string>} */
    const backgrounds = { light: '#fbfaf7', dark: '#161917' };
    const { chosen } = this;
    const root = document.documentElement;
    if (chosen) root.dataset.theme = chosen;
    else delete root.dataset.theme;
    for (const meta of document.querySelectorAll('meta[name="theme-color"]')) {
      const media = meta.getAttribute('media') ?? '';
      meta.setAttribute('content', backgrounds[chosen || (media.includes('dark') ? 'dark' : 'light')]);
    }
  },
};
window.theme.apply();
addEventListener('storage', () => window.theme.apply()); // chosen in another window
