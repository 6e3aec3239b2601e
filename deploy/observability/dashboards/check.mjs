// check.mjs OUT: writes each dashboard as TypeScript into OUT, to be checked against Grafana's own types: an unknown key, or a value of
// another type than Grafana's, does not compile. Its types name the members of its enums, JSON has their texts.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [out] = process.argv.slice(2);
const here = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
const prelude = `import type { Dashboard } from '@grafana/schema';
type Plain<T> = T extends string ? \`\${T}\` : T extends number | boolean | null | undefined ? T
    : T extends (infer E)[] ? Plain<E>[] : { [K in keyof T]: Plain<T[K]> };
`;
for (const file of readdirSync(here).filter((name) => name.endsWith('.json'))) {
    const text = readFileSync(join(here, file), 'utf8');
    writeFileSync(join(out, file.replace('.json', '.ts')), `${prelude}export const dashboard: Plain<Dashboard> = ${text};\n`);
}
