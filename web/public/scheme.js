// Sets the chosen colour scheme before the first paint, so that a dark page never flashes
// white. A file of its own, because the Content-Security-Policy allows no inline script.
// The key and the attribute are those of src/scheme.ts.
(function () {
  var mode = 'system';
  try {
    mode = localStorage.getItem('trichrome.scheme') || mode;
  } catch {
    // Storage is off: follow the system.
  }
  var dark =
    mode === 'dark' || (mode === 'system' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.setAttribute('data-scheme', dark ? 'dark' : 'light');
})();
