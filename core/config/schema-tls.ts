/** Options that name certificates. The files are read again when they change, so a renewal needs no restart. */
import Type from 'typebox';
import { section, text } from './schema-kit.ts';

/** How a server of somebody else is checked, and how one shows who one is to it. */
export function clientTlsOptions(server: string) {
  return {
    ca_file: text(
      '',
      `Certificates (PEM) that sign those of ${server}. Default: those the system trusts.`,
    ),
    cert_file: text('', `Certificate (PEM, with its chain) to show to ${server} if asked.`),
    key_file: text('', 'Private key (PEM) of that certificate.'),
  };
}

/** Section `control.tls`: how Miroir's own parts know each other. */
export const tls = Type.Object(
  {
    ca_file: text(
      '',
      "Certificates (PEM) that sign those of Miroir's parts. With it, `cert_file` and `key_file`, every connection to control is encrypted and both ends show who they are.",
    ),
    cert_file: text(
      '',
      'Certificate (PEM, with its chain) of this part. It names it by a URI: `miroir://CLUSTER/control`, or `sidecar`, or `cli`.',
    ),
    key_file: text('', 'Private key (PEM) of that certificate.'),
  },
  { ...section, description: 'Encryption between sidecars, control and miroirctl.' },
);

/** Section `node_tls`. */
export const nodeTls = Type.Object(clientTlsOptions('the nodes'), {
  ...section,
  description: 'How nodes with https URLs are checked.',
});
