// Writes trichrome.postman_collection.json from ../../proto/openapi.json and steps.mjs, or with
// --check says whether the one that is there is current.
import { readFileSync, writeFileSync } from 'node:fs';
import { STEPS } from './steps.mjs';

const CONTRACT = new URL('../../proto/openapi.json', import.meta.url);
const COLLECTION = new URL('trichrome.postman_collection.json', import.meta.url);

const contract = JSON.parse(readFileSync(CONTRACT, 'utf8'));

/** Every operation of the contract by its id. */
const operations = new Map(
  Object.entries(contract.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [
      operation.operationId,
      { ...operation, path, method: method.toUpperCase() },
    ]),
  ),
);

function fail(message) {
  throw new Error(`steps.mjs: ${message}`);
}

/** A schema with its references replaced by what they refer to. */
function resolved(schema) {
  if (Array.isArray(schema)) return schema.map(resolved);
  if (typeof schema !== 'object' || schema === null) return schema;
  if (typeof schema.$ref === 'string') {
    const [, ...keys] = schema.$ref.split('/');
    return resolved(keys.reduce((node, key) => node[key], contract));
  }
  const kept = Object.entries(schema).filter(([key]) => key !== 'description');
  return Object.fromEntries(kept.map(([key, value]) => [key, resolved(value)]));
}

const json = (content) => content?.content?.['application/json']?.schema;

function success(operation) {
  const status = Object.keys(operation.responses).find((code) => code.startsWith('2'));
  return { status: Number(status), schema: json(operation.responses[status]) };
}

const isPublic = (operation) => (operation.security ?? contract.security ?? []).length === 0;

/** Holds a step's parameters and body against the contract. */
function hold(step, operation) {
  const at = (place) => (operation.parameters ?? []).filter((parameter) => parameter.in === place);
  for (const place of ['path', 'query', 'header']) {
    for (const name of Object.keys(step[place] ?? {})) {
      if (!at(place).some((parameter) => parameter.name === name)) {
        fail(`${step.operation} has no ${place} parameter ${name}`);
      }
    }
  }
  for (const { name, in: place, required } of operation.parameters ?? []) {
    if (required && step[place]?.[name] === undefined) fail(`${step.operation} needs ${name}`);
  }
  const body = resolved(json(operation.requestBody));
  for (const name of Object.keys(step.body ?? {})) {
    if (body?.properties?.[name] === undefined) fail(`${step.operation} takes no ${name}`);
  }
  for (const name of body?.required ?? []) {
    if (step.body?.[name] === undefined) fail(`${step.operation} needs ${name}`);
  }
}

function request(step, operation, authorized) {
  const segments = operation.path.slice(1).split('/');
  const path = segments.map((segment) =>
    segment.replace(/^\{(.+)\}$/, (_, name) => step.path?.[name] ?? `{{${name}}}`),
  );
  const query = Object.entries(step.query ?? {}).map(([key, value]) => ({ key, value }));
  const search = query.map(({ key, value }) => `${key}=${value}`).join('&');
  const header = Object.entries(step.header ?? {}).map(([key, value]) => ({ key, value }));
  if (step.body !== undefined) header.push({ key: 'content-type', value: 'application/json' });
  return {
    method: operation.method,
    auth: authorized
      ? { type: 'bearer', bearer: [{ key: 'token', value: '{{token}}', type: 'string' }] }
      : { type: 'noauth' },
    header,
    ...(step.body !== undefined && {
      body: {
        mode: 'raw',
        raw: JSON.stringify(step.body, null, 2),
        options: { raw: { language: 'json' } },
      },
    }),
    url: {
      raw: `{{base_url}}/${path.join('/')}${search === '' ? '' : `?${search}`}`,
      host: ['{{base_url}}'],
      path,
      ...(query.length > 0 && { query }),
    },
    description: [operation.summary, operation.description].filter(Boolean).join('\n\n'),
  };
}

const script = (listen, exec) => ({ listen, script: { type: 'text/javascript', exec } });

/** A value of steps.mjs as JavaScript: its variables are looked up when the test runs. */
const literal = (value) =>
  typeof value === 'string' && value.includes('{{')
    ? `pm.variables.replaceIn(${JSON.stringify(value)})`
    : JSON.stringify(value);

function refusalTests(status, code) {
  return [
    `pm.test('answers ${status} ${code}', () => {`,
    `  pm.response.to.have.status(${status});`,
    '  const { error } = pm.response.json();',
    `  pm.expect(error.code).to.equal('${code}');`,
    '  pm.expect(error.message).to.be.a("string").that.is.not.empty;',
    "  pm.expect(error.request_id).to.equal(pm.response.headers.get('x-request-id'));",
    '});',
  ];
}

function tests(step, operation) {
  if (step.fails !== undefined) return refusalTests(step.fails.status, step.fails.code);
  const { status, schema } = success(operation);
  const lines = [
    `pm.test('answers ${status}', () => pm.response.to.have.status(${status}));`,
    "pm.test('names the request', () => pm.response.to.have.header('x-request-id'));",
  ];
  if (schema === undefined) {
    lines.push("pm.test('has no body', () => pm.expect(pm.response.text()).to.equal(''));");
    return lines;
  }
  lines.push(
    `const schema = ${JSON.stringify(resolved(schema))};`,
    "pm.test('answers in the contract’s shape', () => pm.response.to.have.jsonSchema(schema));",
    'const answer = pm.response.json();',
  );
  if (step.count !== undefined) {
    lines.push(`pm.test('answers ${step.count}', () => pm.expect(answer).to.have.length(${step.count}));`);
  }
  for (const [name, value] of Object.entries(step.expect ?? {})) {
    lines.push(
      `pm.test('answers the right ${name}', () => pm.expect(answer.${name}).to.equal(${literal(value)}));`,
    );
  }
  for (const [variable, name] of Object.entries(step.keep ?? {})) {
    lines.push(`pm.collectionVariables.set('${variable}', answer.${name});`);
  }
  return lines;
}

const FRESH = [
  '// Every run has a user and an upload of its own.',
  "pm.collectionVariables.set('username', 'postman-' + pm.variables.replaceIn('{{$guid}}'));",
  "pm.collectionVariables.set('upload_key', pm.variables.replaceIn('{{$guid}}'));",
];

function called(step) {
  const operation = operations.get(step.operation) ?? fail(`no operation ${step.operation}`);
  hold(step, operation);
  return {
    name: step.name ?? operation.summary.replace(/\.$/, ''),
    event: [
      ...(step.fresh ? [script('prerequest', FRESH)] : []),
      script('test', tests(step, operation)),
    ],
    request: request(step, operation, !isPublic(operation)),
    response: [],
  };
}

/** The first step of each operation that asks for a token, without one. */
function refused() {
  return [...operations.values()]
    .filter((operation) => !isPublic(operation))
    .map((operation) => {
      const step = STEPS.find((one) => one.operation === operation.operationId);
      return {
        name: `${operation.method} ${operation.path}`,
        event: [script('test', refusalTests(401, 'UNAUTHENTICATED'))],
        request: request(step, operation, false),
        response: [],
      };
    });
}

for (const id of operations.keys()) {
  if (!STEPS.some((step) => step.operation === id)) fail(`no step calls ${id}`);
}

const collection = {
  info: {
    name: 'Trichrome',
    description:
      'Every operation of the contract, in an order that works: run the collection as a whole. ' +
      '`base_url` chooses the transport: the facade’s `http://localhost:3005/rest`, `/grpc` or ' +
      '`/events`, or the REST API itself, `http://localhost:9000`.\n\n' +
      'Generated by `npm run generate` from `proto/openapi.json`; change `steps.mjs` instead.',
    schema: 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json',
  },
  item: [
    { name: 'Every operation', item: STEPS.map(called) },
    { name: 'Without a token', item: refused() },
  ],
  variable: [
    { key: 'base_url', value: 'http://localhost:3005/rest' },
    { key: 'password', value: 'postman always rings' },
    ...['username', 'upload_key', 'token', 'user_id', 'second_user_id', 'picture_id'].map((key) => ({
      key,
      value: '',
    })),
  ],
};

const text = `${JSON.stringify(collection, null, 2)}\n`;
if (!process.argv.includes('--check')) {
  writeFileSync(COLLECTION, text);
} else if (readFileSync(COLLECTION, 'utf8') !== text) {
  console.error('the Postman collection is not current: run `npm run generate` in docs/postman/');
  process.exit(1);
}
