let region: HTMLElement | undefined;

/**
 * Where notices are put: on the page before the first of them, as a screen reader tells only of
 * changes to what it knows, and beside the app, which is hidden from it while a dialog is open.
 */
export function noticeRegion(): HTMLElement {
  if (region !== undefined) return region;
  const element = document.createElement('div');
  element.setAttribute('aria-live', 'polite');
  // A dialog hides all that is beside it; but of what it has done, this is the one to tell.
  new MutationObserver(() => element.removeAttribute('aria-hidden')).observe(element, {
    attributeFilter: ['aria-hidden'],
  });
  document.body.append(element);
  region = element;
  return region;
}
