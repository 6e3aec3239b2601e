// check.mjs TOOLS OUT RENDERED.yaml...: whatever Kubernetes itself does not know, that is the resources of KEDA and of the operators of Prometheus and
// RabbitMQ. Each is checked by the validation made of its CustomResourceDefinition, and written as TypeScript into OUT: what that validation
// lets pass, a key that does not exist, does not compile.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [tools, out, ...files] = process.argv.slice(2);
const require = createRequire(join(tools, 'here.js'));
const { parseAllDocuments } = require('yaml');

const GROUPS = {
    'keda.sh/v1alpha1': '@kubernetes-models/keda/keda.sh/v1alpha1',
    'monitoring.coreos.com/v1': '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1',
};
const RABBITMQ = 'rabbitmq.com/v1beta1';
// What KEDA's trigger "prometheus" reads; to its schema all keys of a trigger are alike.
const PROMETHEUS_TRIGGER = ['activationThreshold', 'authModes', 'customHeaders', 'ignoreNullValues', 'namespace', 'query', 'queryParameters',
    'serverAddress', 'threshold', 'timeout', 'unsafeSsl'];

function fail(file, { kind, metadata }, words) {
    console.error(`${basename(file)}: ${kind} ${metadata?.name}: ${words}`);
    process.exitCode = 1;
}

function checkTriggers(file, document) {
    for (const { type, metadata } of document.spec.triggers) {
        if (type !== 'prometheus') fail(file, document, `nobody checks a trigger of type ${type}`);
        for (const key of Object.keys(metadata)) {
            if (!PROMETHEUS_TRIGGER.includes(key)) fail(file, document, `${key} is nothing that a trigger of type prometheus reads`);
        }
    }
}

async function validate(file, document, group) {
    const path = join(tools, 'node_modules', group, `${document.kind}.js`);
    if (!existsSync(path)) return fail(file, document, 'there is no such kind');
    const { [document.kind]: Model } = await import(pathToFileURL(path));
    try {
        new Model(document).validate();
        if (document.kind === 'ScaledObject') checkTriggers(file, document);
    } catch (error) {
        fail(file, document, error.message);
    }
}

let count = 0;
for (const file of files) {
    const lines = [];
    for (const parsed of parseAllDocuments(readFileSync(file, 'utf8'))) {
        if (parsed.errors.length > 0) throw parsed.errors[0];
        const document = parsed.toJS();
        const { apiVersion, kind } = document;
        const group = GROUPS[apiVersion];
        if (!group && apiVersion !== RABBITMQ) continue;
        if (group) await validate(file, document, group);
        const from = group ? `${group}/${kind}` : './operator';
        lines.push(`export const checked${lines.length}: import('${from}').I${kind} = ${JSON.stringify(document, null, 1)};`);
    }
    count += lines.length;
    writeFileSync(join(out, basename(file).replace('.yaml', '.ts')), `${lines.join('\n')}\nexport {};\n`);
}
console.log(`${count} resources of KEDA and the operators looked at`);
