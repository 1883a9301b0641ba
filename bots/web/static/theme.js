// The chosen theme, before anything is painted; so no module. Used by the settings, too.
window.theme = {
  papers: { light: '#fbfaf7', dark: '#161917' },
  get chosen() {
    try {
      return JSON.parse(localStorage.getItem('threadwell:theme:all')) || '';
    } catch {
      return '';
    }
  },
  show() {
    const { chosen } = this;
    const root = document.documentElement;
    if (chosen) root.dataset.theme = chosen;
    else delete root.dataset.theme;
    for (const meta of document.querySelectorAll('meta[name="theme-color"]')) {
      meta.content = this.papers[chosen || (meta.media.includes('dark') ? 'dark' : 'light')];
    }
  },
};
window.theme.show();
addEventListener('storage', () => window.theme.show()); // chosen in another window
