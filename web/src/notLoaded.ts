import { stopCapturingClicks } from './earlyClicks';

/** The app's code did not come: says so, in the words that index.html has for it. */
export function showNotLoaded(root: HTMLElement): void {
  stopCapturingClicks();
  const template = document.getElementById('not-loaded');
  if (template instanceof HTMLTemplateElement) {
    root.replaceChildren(template.content.cloneNode(true));
  }
}
