/** docs/reference/grpc.md, made from the protobuf files of the public API and their comments. */
import { describeProtos, type ProtoFile } from './proto-image.ts';

interface Field {
  readonly name: string;
  readonly number: number;
  readonly label: string;
  readonly type: string;
  readonly typeName?: string;
  readonly oneofIndex?: number;
  readonly proto3Optional?: boolean;
}

interface Message {
  readonly name: string;
  readonly field?: readonly Field[];
  readonly oneofDecl?: readonly { readonly name: string }[];
}

interface Enum {
  readonly name: string;
  readonly value: readonly { readonly name: string; readonly number: number }[];
}

interface Method {
  readonly name: string;
  readonly inputType: string;
  readonly outputType: string;
  readonly serverStreaming?: boolean;
}

interface Service {
  readonly name: string;
  readonly method: readonly Method[];
}

interface AdminFile extends ProtoFile {
  readonly messageType?: readonly Message[];
  readonly enumType?: readonly Enum[];
  readonly service?: readonly Service[];
  readonly sourceCodeInfo: {
    readonly location: readonly {
      readonly path?: readonly number[];
      readonly leadingComments?: string;
    }[];
  };
}

/** Field numbers of google.protobuf.FileDescriptorProto and below, by which comments are found. */
const PLACE = {
  message: 4,
  enum: 5,
  service: 6,
  package: 2,
  field: 2,
  value: 2,
  method: 2,
} as const;

/** The whole page. */
export function grpcReference(): string {
  const files = describeProtos<AdminFile>('proto/miroir/admin', { withComments: true });
  const common = files.find(({ name }) => name.endsWith('/common.proto'));
  const services = files.flatMap((file) =>
    (file.service ?? []).map((service, at) => ({ file, service, at })),
  );
  services.sort((left, right) => (left.service.name < right.service.name ? -1 : 1));
  const lines = [
    '# gRPC API',
    '',
    'Made from `proto/miroir/admin/v1` by `npm run gen`; do not edit. Programs that use it:',
    '[docs/examples/grpc](../examples/grpc/README.md). How nodes in the configuration file and changes by call',
    'go together: [operations/nodes](../operations/nodes.md).',
    '',
    common === undefined ? '' : commentAt(common, [PLACE.package]),
    '',
    '| service | calls |',
    '|---|---|',
    ...services.map(({ service }) => {
      const calls = service.method.map(({ name }) => `\`${name}\``).join(', ');
      return `| [${service.name}](#${service.name.toLowerCase()}) | ${calls} |`;
    }),
    '',
    ...services.flatMap(({ file, service, at }) => serviceLines(file, service, at)),
    '## Types',
    '',
    'Messages and enumerations that are no request or response, by name.',
    '',
    ...typeLines(files),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

function serviceLines(file: AdminFile, service: Service, at: number): string[] {
  const lines = [`## ${service.name}`, '', commentAt(file, [PLACE.service, at]), ''];
  for (const [place, method] of service.method.entries()) {
    const stream = method.serverStreaming === true ? 'stream ' : '';
    lines.push(`### ${service.name}.${method.name}`, '');
    const path = [PLACE.service, at, PLACE.method, place];
    lines.push(needed(file, `${service.name}.${method.name}`, path), '');
    lines.push(
      `\`/${file.package}.${service.name}/${method.name}\`: \`${shortName(method.inputType)}\` → ${stream}\`${shortName(method.outputType)}\``,
      '',
    );
    for (const type of [method.inputType, method.outputType]) {
      const name = shortName(type);
      const found = (file.messageType ?? []).findIndex((message) => message.name === name);
      const message = file.messageType?.[found];
      if (message === undefined) continue;
      lines.push(...messageTable(file, message, found, `\`${name}\``));
    }
  }
  return lines;
}

function typeLines(files: readonly AdminFile[]): string[] {
  const carried = new Set(
    files.flatMap(({ service = [] }) =>
      service.flatMap(({ method }) =>
        method.flatMap(({ inputType, outputType }) => [
          shortName(inputType),
          shortName(outputType),
        ]),
      ),
    ),
  );
  const types = files.flatMap((file) => [
    ...(file.messageType ?? []).map((message, at) => ({
      name: message.name,
      lines: () => [
        `### ${message.name}`,
        '',
        ...paragraph(commentAt(file, [PLACE.message, at])),
        ...messageTable(file, message, at, ''),
      ],
    })),
    ...(file.enumType ?? []).map((type, at) => ({
      name: type.name,
      lines: () => enumLines(file, type, at),
    })),
  ]);
  return types
    .filter(({ name }) => !carried.has(name))
    .sort((left, right) => (left.name < right.name ? -1 : 1))
    .flatMap(({ lines }) => lines());
}

function messageTable(file: AdminFile, message: Message, at: number, title: string): string[] {
  const fields = message.field ?? [];
  const comment = title === '' ? '' : commentAt(file, [PLACE.message, at]);
  const head =
    title === ''
      ? []
      : [
          `${title}${fields.length === 0 ? ': empty.' : ''}${comment === '' ? '' : ` ${comment}`}`,
          '',
        ];
  if (fields.length === 0) return head;
  return [
    ...head,
    '| field | type | |',
    '|---|---|---|',
    ...fields.map((field, place) => {
      const words = needed(file, `${message.name}.${field.name}`, [
        PLACE.message,
        at,
        PLACE.field,
        place,
      ]);
      return `| \`${field.name}\` = ${field.number} | ${fieldType(message, field)} | ${words} |`;
    }),
    '',
  ];
}

function enumLines(file: AdminFile, type: Enum, at: number): string[] {
  return [
    `### ${type.name}`,
    '',
    ...paragraph(commentAt(file, [PLACE.enum, at])),
    '| value | |',
    '|---|---|',
    ...type.value.map(({ name, number }, place) => {
      const path = [PLACE.enum, at, PLACE.value, place];
      const words = name.endsWith('_UNSPECIFIED') ? 'Not said.' : needed(file, name, path);
      return `| \`${name}\` = ${number} | ${words} |`;
    }),
    '',
  ];
}

function fieldType(message: Message, field: Field): string {
  const name = field.typeName === undefined ? '' : shortName(field.typeName);
  const type =
    name === ''
      ? `\`${field.type.replace('TYPE_', '').toLowerCase()}\``
      : `[\`${name}\`](#${name.toLowerCase()})`;
  if (field.label === 'LABEL_REPEATED') return `repeated ${type}`;
  if (field.proto3Optional === true) return `optional ${type}`;
  if (field.oneofIndex === undefined) return type;
  return `${type}, one of \`${message.oneofDecl?.[field.oneofIndex]?.name}\``;
}

function shortName(type: string): string {
  return type.slice(type.lastIndexOf('.') + 1);
}

function paragraph(text: string): string[] {
  return text === '' ? [] : [text, ''];
}

/** The comment of a thing that must have one: field, call or value. */
function needed(file: AdminFile, name: string, path: readonly number[]): string {
  const comment = commentAt(file, path);
  if (comment === '') throw new Error(`${file.name}: ${name} has no comment`);
  return comment;
}

/** The comment before a thing, in one line. */
function commentAt(file: AdminFile, path: readonly number[]): string {
  const found = file.sourceCodeInfo.location.find(
    (location) => location.path !== undefined && location.path.join(' ') === path.join(' '),
  );
  return (found?.leadingComments ?? '')
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ')
    .replaceAll('|', '\\|');
}
