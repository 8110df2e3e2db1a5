import { renderToString } from 'react-dom/server';
import { StaticRouter } from 'react-router';
import { endSession, startSession } from './api/session';
import { App } from './App';
import { preloadPage } from './parts';
import { PRERENDERED } from './prerendered';
import { createQueryClient } from './queryClient';

/** Renders the templates embedded in index.html. Runs at build time. */
export async function prerender(): Promise<string> {
  const templates: string[] = [];
  for (const { path, audience } of PRERENDERED) {
    await preloadPage(path);
    if (audience === 'signedIn') startSession('', '');
    else endSession('logged-out');
    const html = renderToString(
      <StaticRouter location={path}>
        <App queryClient={createQueryClient()} />
      </StaticRouter>,
    );
    // The Content-Security-Policy forbids both.
    if (/<script|\sstyle=/.test(html)) throw new Error(`${path} has inline scripts or styles`);
    templates.push(`<template id="page:${path}">${html}</template>`);
  }
  return templates.join('\n');
}
