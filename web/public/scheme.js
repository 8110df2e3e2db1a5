// Sets the chosen colour scheme before the first paint, so that a dark page doesn't flash white.
// It is a separate file because the Content-Security-Policy forbids inline scripts.
// The key and the attribute match src/scheme.ts.
(function () {
  var mode = 'system';
  try {
    mode = localStorage.getItem('trichrome.scheme') || mode;
  } catch {
    // Storage is disabled: follow the system.
  }
  var dark =
    mode === 'dark' || (mode === 'system' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.setAttribute('data-scheme', dark ? 'dark' : 'light');
})();
