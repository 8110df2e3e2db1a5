/** Shows the error page from index.html when the app's code can't be loaded. */
export function showNotLoaded(root: HTMLElement): void {
  const template = document.getElementById('not-loaded');
  if (template instanceof HTMLTemplateElement) {
    root.replaceChildren(template.content.cloneNode(true));
  }
}
