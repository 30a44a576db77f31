# One image for control, the sidecar and the program that writes Envoy's configuration.
# Arguments choose the program: dist/control/main.js, dist/sidecar/main.js, dist/envoy/start/write-bootstrap.js.
# miroirctl is on the path, for instance for `docker exec`.
FROM node:22-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts && rm -rf dist/test

FROM node:22-bookworm-slim
ENV NODE_ENV=production
WORKDIR /opt/miroir
COPY --from=build /src/package.json ./
COPY --from=build /src/node_modules ./node_modules
COPY --from=build /src/dist ./dist
COPY --from=build /src/control/cli/bin.js ./control/cli/bin.js
RUN ln -s /opt/miroir/control/cli/bin.js /usr/local/bin/miroirctl
# Folders for the cluster state and the sockets; a fresh volume takes over their owner.
RUN mkdir -p /var/lib/miroir /run/miroir && chown node:node /var/lib/miroir /run/miroir
USER node
ENTRYPOINT ["node", "--enable-source-maps"]
CMD ["dist/sidecar/main.js"]
