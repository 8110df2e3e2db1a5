// Generates trichrome.postman_collection.json from ../../proto/openapi.json and steps.mjs. With
// --check it only checks that the committed collection is current.
import { readFileSync, writeFileSync } from 'node:fs';
import { STEPS } from './steps.mjs';

const CONTRACT = new URL('../../proto/openapi.json', import.meta.url);
const COLLECTION = new URL('trichrome.postman_collection.json', import.meta.url);

const contract = JSON.parse(readFileSync(CONTRACT, 'utf8'));

/** The contract's operations by id. */
const operations = new Map(
  Object.entries(contract.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [
      operation.operationId,
      { ...operation, path, method: method.toUpperCase() },
    ]),
  ),
);

function fail(message) {
  console.error(`docs/postman/steps.mjs: ${message}`);
  process.exit(1);
}

/** Resolves the references in a schema and drops descriptions. */
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
  const status = Object.keys(operation.responses).find((code) => /^[23]/.test(code));
  return { status: Number(status), schema: json(operation.responses[status]) };
}

const isPublic = (operation) => (operation.security ?? contract.security ?? []).length === 0;

/** Checks a step's parameters and body against the contract. */
function checkStep(step, operation) {
  const at = (place) => (operation.parameters ?? []).filter((parameter) => parameter.in === place);
  for (const place of ['path', 'query', 'header']) {
    for (const name of Object.keys(step[place] ?? {})) {
      if (!at(place).some((parameter) => parameter.name === name)) {
        fail(`${step.operation} has no ${place} parameter \`${name}\``);
      }
    }
  }
  for (const { name, in: place, required } of operation.parameters ?? []) {
    if (required && step[place]?.[name] === undefined) {
      fail(`${step.operation} requires ${place} parameter \`${name}\``);
    }
  }
  const body = resolved(json(operation.requestBody));
  for (const name of Object.keys(step.body ?? {})) {
    if (body?.properties?.[name] === undefined) {
      fail(`${step.operation} has no body field \`${name}\``);
    }
  }
  for (const name of body?.required ?? []) {
    if (step.body?.[name] === undefined) fail(`${step.operation} requires body field \`${name}\``);
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

/** A value of steps.mjs as a JavaScript expression that resolves variables when the test runs. */
const literal = (value) =>
  typeof value === 'string' && value.includes('{{')
    ? `pm.variables.replaceIn(${JSON.stringify(value)})`
    : JSON.stringify(value);

function errorTests(status, code) {
  return [
    `pm.test('returns ${status} ${code}', () => {`,
    `  pm.response.to.have.status(${status});`,
    '  const { error } = pm.response.json();',
    `  pm.expect(error.code).to.equal('${code}');`,
    '  pm.expect(error.message).to.be.a("string").that.is.not.empty;',
    "  pm.expect(error.request_id).to.equal(pm.response.headers.get('x-request-id'));",
    '});',
  ];
}

function tests(step, operation) {
  if (step.fails !== undefined) return errorTests(step.fails.status, step.fails.code);
  const { status, schema } = success(operation);
  const lines = [
    `pm.test('returns ${status}', () => pm.response.to.have.status(${status}));`,
    "pm.test('has a request id', () => pm.response.to.have.header('x-request-id'));",
  ];
  if (schema === undefined) {
    lines.push("pm.test('has no body', () => pm.expect(pm.response.text()).to.equal(''));");
    return lines;
  }
  lines.push(
    `const schema = ${JSON.stringify(resolved(schema))};`,
    "pm.test('matches the schema', () => pm.response.to.have.jsonSchema(schema));",
    'const body = pm.response.json();',
  );
  if (step.count !== undefined) {
    lines.push(
      `pm.test('has length ${step.count}', () => pm.expect(body).to.have.length(${step.count}));`,
    );
  }
  for (const [name, value] of Object.entries(step.expect ?? {})) {
    lines.push(
      `pm.test('returns the right ${name}', () => pm.expect(body.${name}).to.equal(${literal(value)}));`,
    );
  }
  for (const [variable, name] of Object.entries(step.keep ?? {})) {
    lines.push(`pm.collectionVariables.set('${variable}', body.${name});`);
  }
  return lines;
}

const FRESH = [
  '// Each run uses a new user and a new upload.',
  "pm.collectionVariables.set('username', 'postman-' + pm.variables.replaceIn('{{$guid}}'));",
  "pm.collectionVariables.set('upload_key', pm.variables.replaceIn('{{$guid}}'));",
];

function item(step) {
  const operation =
    operations.get(step.operation) ?? fail(`the contract has no operation ${step.operation}`);
  checkStep(step, operation);
  return {
    name: step.name ?? operation.summary.replace(/\.$/, ''),
    event: [
      ...(step.fresh ? [script('prerequest', FRESH)] : []),
      script('test', tests(step, operation)),
    ],
    request: request(step, operation, !isPublic(operation)),
    // A redirect is what is tested, not where it leads.
    ...(success(operation).status >= 300 && {
      protocolProfileBehavior: { followRedirects: false },
    }),
    response: [],
  };
}

/** Calls each operation that requires a token without one. */
function unauthorizedItems() {
  return [...operations.values()]
    .filter((operation) => !isPublic(operation))
    .map((operation) => {
      const step = STEPS.find((one) => one.operation === operation.operationId);
      return {
        name: `${operation.method} ${operation.path}`,
        event: [script('test', errorTests(401, 'UNAUTHENTICATED'))],
        request: request(step, operation, false),
        response: [],
      };
    });
}

/** A step that calls an operation with all that it requires, to be pasted into steps.mjs. */
function suggestion(operation) {
  const fields = [`operation: '${operation.operationId}'`];
  const object = (names) => names.map((name) => `${name}: '{{${name}}}'`).join(', ');
  for (const place of ['path', 'query', 'header']) {
    const names = (operation.parameters ?? [])
      .filter((parameter) => parameter.in === place && parameter.required)
      .map((parameter) => parameter.name);
    if (names.length > 0) fields.push(`${place}: { ${object(names)} }`);
  }
  const body = resolved(json(operation.requestBody));
  if (body !== undefined) fields.push(`body: { ${object(body.required ?? [])} }`);
  return `  { ${fields.join(', ')} },`;
}

const missing = [...operations.values()].filter(
  ({ operationId }) => !STEPS.some((step) => step.operation === operationId),
);
if (missing.length > 0) {
  fail(
    'add a step for each operation, where the collection has what it needs:\n\n' +
      missing.map(suggestion).join('\n'),
  );
}

const collection = {
  info: {
    name: 'Trichrome',
    description:
      'Every operation of the contract. The requests depend on each other, so run the whole ' +
      'collection. `base_url` selects the transport: the facade at `http://localhost:3005/rest`, ' +
      '`/grpc` or `/events`, or the REST API at `http://localhost:9000`.\n\n' +
      'Generated by `cargo xtask generate` from `proto/openapi.json` and `steps.mjs`; don’t edit it.',
    schema: 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json',
  },
  item: [
    { name: 'Every operation', item: STEPS.map(item) },
    { name: 'Without a token', item: unauthorizedItems() },
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
  console.error('the Postman collection is out of date: run `cargo xtask generate`');
  process.exit(1);
}
