import js from '@eslint/js';
import { globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const NOUN_CLAUSE = /^[\s*]*(What|Whatever|Whether|Who|Whoever|Whom|Whose|Which|Where|How|Of|So|As it)\b/;

/** Reports a comment that begins with a relative clause in the place of a noun, as in "Whether it is locked". */
const plainComments = {
  meta: { type: 'suggestion', schema: [] },
  create: (context) => ({
    Program() {
      let previous;
      for (const comment of context.sourceCode.getAllComments()) {
        const isContinued =
          comment.type === 'Line' &&
          previous?.type === 'Line' &&
          previous.loc.end.line === comment.loc.start.line - 1;
        previous = comment;
        const [, word] = NOUN_CLAUSE.exec(comment.value) ?? [];
        if (word === undefined || isContinued) continue;
        const message = `A comment begins with a noun phrase or a verb in the third person, not with "${word}".`;
        context.report({ loc: comment.loc, message });
      }
    },
  }),
};

export default tseslint.config(
  globalIgnores(['dist', 'node_modules', 'demo-output']),
  js.configs.recommended,
  {
    plugins: { local: { rules: { 'plain-comments': plainComments } } },
    rules: { 'local/plain-comments': 'error' },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: ['test', 'describe', 'it'] },
      ],
      '@typescript-eslint/require-await': 'off',
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  {
    files: ['bin/**/*.js'],
    languageOptions: { globals: { process: 'readonly' } },
  },
);
