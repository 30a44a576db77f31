"""A program that uses Miroir's gRPC API: shows the cluster, watches it, runs a backup. See ../README.md."""

import os
import sys

import grpc
from google.rpc import error_details_pb2, status_pb2
from miroir.admin.v1 import jobs_pb2, jobs_pb2_grpc, nodes_pb2, topology_pb2, topology_pb2_grpc

DEADLINE_S = 10
ADDRESS = os.environ.get("MIROIR_CONTROL", "127.0.0.1:7701")
METADATA = [("authorization", "Bearer " + os.environ.get("MIROIR_ADMIN_TOKEN", ""))]


def status(channel):
    stub = topology_pb2_grpc.TopologyServiceStub(channel)
    topology = stub.GetTopology(
        topology_pb2.GetTopologyRequest(), metadata=METADATA, timeout=DEADLINE_S
    ).topology
    verdict = topology.verdict
    print(f"{topology_pb2.Light.Name(verdict.light).removeprefix('LIGHT_')}: {verdict.reason}")
    if verdict.next_step:
        print(f"next: {verdict.next_step}")
    for node in topology.nodes:
        state = nodes_pb2.NodeState.Name(node.state).removeprefix("NODE_STATE_")
        print(f"node {node.node.id} {state} in-sync={node.copies.in_sync}")
    for index in topology.indexes:
        print(f"index {index.uid} shards={index.covered_shard_count}/{index.shard_count}")


def watch(channel):
    stub = topology_pb2_grpc.TopologyServiceStub(channel)
    for message in stub.WatchTopology(topology_pb2.WatchTopologyRequest(), metadata=METADATA):
        kind = message.WhichOneof("event")
        if kind == "heartbeat":
            continue
        event = getattr(message, kind)
        if event.HasField("verdict"):
            print(f"{kind}: {topology_pb2.Light.Name(event.verdict.light)} {event.verdict.reason}", flush=True)
        else:
            print(f"{kind} at {event.position.index}", flush=True)


def backup(channel):
    stub = jobs_pb2_grpc.JobServiceStub(channel)
    request = jobs_pb2.StartJobRequest(backup=jobs_pb2.BackupSpec(), dry_run=True)
    for step in stub.StartJob(request, metadata=METADATA, timeout=DEADLINE_S).plan.steps:
        print(f"would: {step}")
    request.dry_run = False
    job = stub.StartJob(request, metadata=METADATA, timeout=DEADLINE_S).job
    for message in stub.WatchJobs(jobs_pb2.WatchJobsRequest(job_ids=[job.id]), metadata=METADATA):
        for seen in message.jobs:
            state = jobs_pb2.JobState.Name(seen.state).removeprefix("JOB_STATE_")
            print(f"{seen.id} {state} {seen.progress.done} {seen.progress.unit} {seen.reason}")


def reason_of(error):
    """The code of an error: details are a google.rpc.Status with a google.rpc.ErrorInfo in it."""
    for key, value in error.trailing_metadata() or ():
        if key != "grpc-status-details-bin":
            continue
        for detail in status_pb2.Status.FromString(value).details:
            info = error_details_pb2.ErrorInfo()
            if detail.Unpack(info):
                return info.reason
    return ""


def main():
    commands = {"status": status, "watch": watch, "backup": backup}
    name = sys.argv[1] if len(sys.argv) > 1 else "status"
    with grpc.insecure_channel(ADDRESS) as channel:
        try:
            commands[name](channel)
        except grpc.RpcError as error:
            print(f"{error.code().name} {reason_of(error)}: {error.details()}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
