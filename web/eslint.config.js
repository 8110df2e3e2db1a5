import js from '@eslint/js';
import a11y from 'eslint-plugin-jsx-a11y';
import hooks from 'eslint-plugin-react-hooks';
import refresh from 'eslint-plugin-react-refresh';
import globals from 'globals';
import tseslint from 'typescript-eslint';

/** The folders of `src`, each of which may import those before it. */
const LAYERS = [
  ['lib'],
  ['ui', 'api'],
  ['transports'],
  ['pictures'],
  ['download', 'uploads'],
  ['account', 'analytics', 'viewer'],
  ['timeline'],
  ['app'],
];

/** Forbids imports against the order of the layers, or between folders of the same layer. */
const importDirection = LAYERS.flatMap((folders, level) =>
  folders.map((folder) => {
    const allowed = [folder, ...LAYERS.slice(0, level).flat()];
    const forbidden = LAYERS.flat().filter((other) => !allowed.includes(other));
    return {
      files: [`src/${folder}/**/*.{ts,tsx}`],
      ignores: ['**/*.test.{ts,tsx}'],
      rules: {
        'no-restricted-imports': [
          'error',
          {
            patterns: [
              {
                regex: `^(\\.\\./)+(test|${forbidden.join('|')})/`,
                message: `src/${folder} may import only ${allowed.join(', ')}.`,
              },
            ],
          },
        ],
      },
    };
  }),
);

export default tseslint.config(
  { ignores: ['dist', 'gallery', 'lighthouse', 'src/api/schema.d.ts'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.{ts,tsx}'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      // Templates may contain numbers; other values must be converted to text first.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // Allows `onClick={() => close()}` for functions that return nothing.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      'no-console': 'error',
    },
  },
  {
    files: ['src/**/*.{ts,tsx}'],
    extends: [
      a11y.flatConfigs.strict,
      hooks.configs.flat['recommended-latest'],
      refresh.configs.vite,
    ],
    languageOptions: { globals: globals.browser },
  },
  ...importDirection,
  {
    files: ['public/**/*.js'],
    languageOptions: { globals: globals.browser, sourceType: 'script' },
  },
  {
    files: ['scripts/**', 'mock/**', 'e2e/**', '*.config.*'],
    languageOptions: { globals: globals.node },
    rules: { 'no-console': 'off' },
  },
  {
    // Contains functions that run in the page.
    files: ['scripts/photos.mjs'],
    languageOptions: { globals: globals.browser },
  },
);
