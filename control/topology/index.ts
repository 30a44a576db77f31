/** The cluster's nodes: records, adoption, health. */
export { checkNode, type NodeCheck } from './check-node.ts';

export { lookAtNode, type NodeLook } from './look.ts';
export { MARKER_INDEX, type Marker, readMarker, writeMarker } from './marker.ts';
export { Probe } from './probe.ts';
export { newCluster, TopologyError, withConfig } from './records.ts';
