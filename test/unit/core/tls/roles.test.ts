/** Goal: a certificate gives its holder exactly the roles its URIs name, in this cluster, whatever else it says. */
import * as assert from 'uvu/assert';
import { clusterIn, rolesFor, rolesIn } from '../../../../core/tls/roles.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('tls roles');

test('URIs of this cluster count, nothing else does', () => {
  const roles = (names: string | undefined) => rolesIn(names, 'shop');
  assert.equal(roles('URI:miroir://shop/control'), ['control']);
  assert.equal(roles('DNS:a.example, URI:miroir://shop/sidecar, IP Address:10.0.0.1'), ['sidecar']);
  assert.equal(roles('URI:miroir://shop/cli, URI:miroir://shop/control'), ['control', 'cli']);
  assert.equal(roles('URI:miroir://other/control'), []);
  assert.equal(roles('URI:miroir://shop/control/x'), []);
  assert.equal(roles('URI:miroir://shop/Control'), []);
  assert.equal(roles('DNS:miroir://shop/control'), []);
  assert.equal(roles('URI:spiffe://x/y'), []);
  assert.equal(roles(''), []);
  assert.equal(roles(undefined), []);
});

test('the cluster is that of the first name of a part', () => {
  assert.is(clusterIn('DNS:a, URI:spiffe://b/c, URI:miroir://shop-1/cli'), 'shop-1');
  assert.is(clusterIn('URI:miroir://a/control, URI:miroir://b/control'), 'a');
  for (const names of ['', 'URI:miroir://a/king', 'URI:miroir://a b/cli', 'DNS:miroir://a/cli']) {
    assert.is(clusterIn(names), undefined);
  }
});

test('a name that holds a comma cannot pass for two', () => {
  const roles = (names: string) => rolesIn(names, 'shop');
  assert.equal(roles('DNS:"a, URI:miroir://shop/control, b"'), []);
  assert.equal(roles('DNS:"a\\", URI:miroir://shop/control, b"'), []);
  assert.equal(roles('DNS:"a, URI:x", URI:miroir://shop/cli'), ['cli']);
  assert.equal(roles('DNS:"a, URI:miroir://shop/control'), []);
  assert.equal(roles('garbage, URI:miroir://shop/control'), []);
});

test('who may call what', () => {
  assert.equal(rolesFor('/miroir.replication.v1.ReplicationService/Follow'), ['control']);
  assert.ok(rolesFor('/miroir.write.v1.WriteService/Begin').includes('sidecar'));
  assert.not.ok(rolesFor('/miroir.write.v1.WriteService/Begin').includes('cli'));
  assert.ok(rolesFor('/miroir.cluster.v1.ClusterService/Watch').includes('cli'));
  assert.not.ok(rolesFor('/miroir.admin.v1.NodeService/AddNode').includes('sidecar'));
  assert.ok(rolesFor('/miroir.admin.v1.NodeService/AddNode').includes('cli'));
  assert.ok(rolesFor('/grpc.health.v1.Health/Check').includes('sidecar'));
  assert.not.ok(rolesFor('/something.else/X').includes('sidecar'));
});

run();
