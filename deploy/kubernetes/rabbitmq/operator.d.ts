// What is used here of the resources of RabbitMQ's operators, after their CustomResourceDefinitions (rabbitmq.com/v1beta1): no registry
// has their types. A key that is not here is refused by `make kubernetes`.
interface Resource<Kind extends string, Spec> {
    apiVersion: 'rabbitmq.com/v1beta1';
    kind: Kind;
    metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
    spec: Spec;
}
interface OfCluster {
    rabbitmqClusterReference: { name: string; namespace?: string } | { connectionSecret: { name: string } };
}
type Amounts = { cpu?: string; memory?: string };

export type IRabbitmqCluster = Resource<'RabbitmqCluster', {
    replicas?: number;
    image?: string;
    resources?: { requests?: Amounts; limits?: Amounts };
    persistence?: { storageClassName?: string; storage?: string };
    tls?: { secretName?: string; caSecretName?: string; disableNonTLSListeners?: boolean };
    rabbitmq?: { additionalPlugins?: string[]; additionalConfig?: string; advancedConfig?: string; envConfig?: string };
    override?: { statefulSet?: { spec: { template: { spec: import('kubernetes-models/v1/PodSpec').IPodSpec } } } };
    terminationGracePeriodSeconds?: number;
}>;
export type IVhost = Resource<'Vhost', OfCluster & { name: string; tags?: string[]; tracing?: boolean }>;
export type IUser = Resource<'User', OfCluster & {
    tags?: ('management' | 'policymaker' | 'monitoring' | 'administrator')[];
    importCredentialsSecret?: { name: string };
}>;
export type IPermission = Resource<'Permission', OfCluster & {
    vhost: string;
    permissions: { configure?: string; write?: string; read?: string };
} & ({ user: string } | { userReference: { name: string } })>;
export type IPolicy = Resource<'Policy', OfCluster & {
    name: string;
    pattern: string;
    vhost?: string;
    applyTo?: 'queues' | 'classic_queues' | 'quorum_queues' | 'exchanges' | 'all';
    priority?: number;
    definition: Record<string, string | number | boolean>;
}>;
