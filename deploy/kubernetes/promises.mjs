// promises.mjs TOOLS SETTINGS WORK RENDERED.yaml...: what no schema knows. A pod has longer to end than its role needs; there is no secret in the
// manifests; settings are ones that exist (SETTINGS is env.example); whoever is scaled goes by a number that the rules in WORK compute.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';

const [tools, settingsFile, workFile, ...files] = process.argv.slice(2);
const { parse, parseAllDocuments } = createRequire(join(tools, 'here.js'))('yaml');
const KNOWN = new Set(readFileSync(settingsFile, 'utf8').split('\n').map((line) => line.replace(/^#/, '').split('=')[0]));
const RECORDED = parse(readFileSync(workFile, 'utf8')).groups.flatMap((group) => group.rules.map((rule) => rule.record));

function* broken(document, settings) {
    const { kind, data, spec } = document;
    const pod = spec?.template?.spec;
    if (kind === 'Secret') yield 'a secret has no place in the manifests; name it, and bring it there by other ways';
    if (kind === 'ConfigMap' && data.SWITCHBOARD_GRACE_S) yield* Object.keys(data).filter((name) => !KNOWN.has(name)).map((name) => `nothing reads ${name}`);
    if (kind === 'Deployment') yield* endsInTime(pod, settings);
    for (const { env = [] } of pod?.containers ?? []) {
        yield* env.filter(({ name }) => !KNOWN.has(name)).map(({ name }) => `nothing reads ${name}`);
        yield* env.filter(({ name, value }) => name.endsWith('_URL') && value).map(({ name }) => `${name} holds a password: take it from a Secret`);
    }
    if (kind === 'ScaledObject') yield* scaledWell(spec);
}

function* endsInTime(pod, settings) {
    const sleep_s = Math.max(...pod.containers.map((one) => one.lifecycle?.preStop?.sleep?.seconds ?? 0));
    const needed_s = Number(settings.SWITCHBOARD_GRACE_S) + sleep_s + 10; // to close connections, and tell the last traces
    if (!(pod.terminationGracePeriodSeconds >= needed_s)) yield `terminationGracePeriodSeconds must be ${needed_s} or more`;
    const page_s = Number(settings.SWITCHBOARD_PAGE_S ?? 30) + 25 + 5; // its turn, one more request, and its writing
    if (!(Number(settings.SWITCHBOARD_GRACE_S) >= page_s)) yield `a page would be interrupted: SWITCHBOARD_GRACE_S must be ${page_s} or more`;
}

function* scaledWell(spec) {
    for (const { metadata } of spec.triggers) {
        const record = metadata.query.split('{')[0];
        if (!RECORDED.includes(record)) yield `no rule computes ${record}`;
    }
    const down = spec.advanced?.horizontalPodAutoscalerConfig?.behavior?.scaleDown;
    if (!(down?.stabilizationWindowSeconds >= 300)) yield 'it would scale down at every breath: set stabilizationWindowSeconds';
    if (!(spec.minReplicaCount >= 1)) yield 'live work must never wait for a first pod';
}

for (const file of files) {
    const documents = parseAllDocuments(readFileSync(file, 'utf8')).map((one) => one.toJS());
    const settings = documents.find(({ kind, data }) => kind === 'ConfigMap' && data.SWITCHBOARD_GRACE_S)?.data ?? {};
    for (const document of documents) {
        for (const words of broken(document, settings)) {
            console.error(`${basename(file)}: ${document.kind} ${document.metadata.name}: ${words}`);
            process.exitCode = 1;
        }
    }
}
