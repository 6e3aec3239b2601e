// pods.mjs TOOLS OUT IMAGE AMQP_HOST ROLES.yaml BROKER.yaml ROLE=PORT...: the rendered Deployments and the Job as podman can play them on the network of this
// machine, one file each in OUT; secrets as podman keeps them; vhost, users and permissions as the broker imports them; passwords of the
// database's logins. Says what to ask of each.
//
// What podman does not do, it is not given: probes and the preStop are for whoever plays the kubelet, and on the network of the machine there
// are no ports to map. Everything else stays as it is.
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [tools, out, image, amqpHost, rolesFile, brokerFile, ...ports] = process.argv.slice(2);
const { parseAllDocuments, stringify } = createRequire(join(tools, 'here.js'))('yaml');
const read = (file) => parseAllDocuments(readFileSync(file, 'utf8')).map((one) => one.toJS());
const write = (name, text) => writeFileSync(join(out, name), text, { mode: 0o600 });
const PORTS = Object.fromEntries(ports.map((pair) => pair.split('=')));

const roles = read(rolesFile);
const settings = roles.filter(({ kind }) => kind === 'ConfigMap');

// On one network everybody needs a port of their own.
function settingsOf(role) {
    return settings.map((one) => ({ ...one, data: { ...one.data, SWITCHBOARD_LISTEN: `127.0.0.1:${PORTS[role] ?? 0}` } }));
}

function playable(pod) {
    const [container] = pod.containers;
    for (const left of ['ports', 'startupProbe', 'livenessProbe', 'readinessProbe', 'lifecycle']) delete container[left];
    container.image = image;
    container.imagePullPolicy = 'Never';
    pod.hostNetwork = true;
    for (const volume of pod.volumes.filter((one) => one.secret)) {
        // podman knows no modes of secrets; these files are as the kubelet would have made them
        volume.hostPath = { path: join(out, volume.secret.secretName), type: 'Directory' };
        delete volume.secret;
    }
    return pod;
}

for (const document of roles.filter(({ kind }) => kind === 'Deployment' || kind === 'Job')) {
    const { metadata, spec, kind } = document;
    const role = metadata.labels['app.kubernetes.io/component'];
    const [{ startupProbe, readinessProbe, resources }] = spec.template.spec.containers;
    const grace_s = spec.template.spec.terminationGracePeriodSeconds;
    const asked = !startupProbe ? [] : [startupProbe.httpGet.path, startupProbe.periodSeconds * startupProbe.failureThreshold, readinessProbe.httpGet.path];
    console.log([role, grace_s, resources.limits.memory, ...asked].join(' '));
    playable(spec.template.spec);
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: metadata.name, labels: spec.template.metadata.labels }, spec: spec.template.spec };
    write(`${role}.yaml`, [kind === 'Job' ? pod : { ...document, spec: { ...spec, replicas: 1 } }, ...settingsOf(role)].map((one) => stringify(one)).join('---\n'));
}

const broker = read(brokerFile);
const of = (kind) => broker.filter((one) => one.kind === kind);
const vhost = of('Vhost')[0].spec.name;
const users = of('User').map(({ metadata }) => ({ name: metadata.name, password: randomBytes(16).toString('hex'), tags: '' }));
const permissions = of('Permission').map(({ spec }) => ({ user: spec.userReference.name, vhost: spec.vhost, ...spec.permissions }));
const policies = of('Policy').map(({ spec: { applyTo, priority = 0, rabbitmqClusterReference, ...spec } }) => ({ ...spec, priority, 'apply-to': applyTo }));
write('definitions.json', JSON.stringify({ vhosts: [{ name: vhost }], users, permissions, policies }));
const encoded = (text) => Buffer.from(text).toString('base64');
function database(name, password) {
    const owns = name === 'switchboard-migrate';
    const url = new URL(owns ? process.env.DATABASE_MIGRATE_URL : process.env.DATABASE_URL);
    url.hostname = 'localhost'; // by its name, so that an image without libraries has to look one up
    if (!owns) [url.username, url.password] = [`${name.replace('-', '_')}_login`, password];
    return url.href;
}

write('passwords.sql', users.map(({ name, password }) => `\\setenv PG_${name.replace('switchboard-', '').toUpperCase()}_PASSWORD ${password}\n`).join(''));
for (const { name, password } of users) {
    const AMQP_URL = encoded(`amqp://${name}:${password}@${amqpHost}/${vhost}`);
    write(`${name}.secret`, JSON.stringify({ AMQP_URL, DATABASE_URL: encoded(database(name, password)) }));
}
