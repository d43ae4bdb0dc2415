# Both base images are arguments, so that a build without a registry can bring its own. Nothing here or in them is for
# one processor only: the same lines build for amd64 and arm64, each on its own kind of machine.
ARG BUILD_IMAGE=docker.io/library/rust:1.95-bookworm
ARG RUN_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILD_IMAGE} AS build
WORKDIR /build
# Dependencies first: they change rarely and take most of the time.
COPY .cargo .cargo
COPY Cargo.toml Cargo.lock build.rs ./
RUN mkdir src && echo 'fn main() {}' > src/main.rs && touch src/lib.rs \
    && cargo build --release --locked \
    && rm -r src
COPY src src
# What `--version` shows behind the version; there is no history here that could be asked.
ARG BELLWIRE_COMMIT=""
# The stand-ins above are newer than the copied files, and cargo goes by the time.
RUN find src -name '*.rs' -exec touch {} + \
    && BELLWIRE_COMMIT="${BELLWIRE_COMMIT}" cargo build --release --locked \
    && mkdir -p /data

FROM ${RUN_IMAGE}
ARG BELLWIRE_COMMIT=""
LABEL org.opencontainers.image.title="bellwire" \
      org.opencontainers.image.description="Keeps a Server-Sent-Events stream open and rings phones and webhooks through a queue on disk" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${BELLWIRE_COMMIT}"
COPY --from=build /build/target/release/bellwire /usr/local/bin/bellwire
COPY --from=build --chown=65532:65532 /data /data
USER 65532:65532
VOLUME /data
# Also for what is temporary: the root may be read-only, and then this is the only place there is.
ENV BELLWIRE_DATA_DIR=/data TMPDIR=/data
EXPOSE 8080
# It drains within 8 s, which leaves 2 of the 10 s after which Docker kills.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s CMD ["/usr/local/bin/bellwire", "health"]
ENTRYPOINT ["/usr/local/bin/bellwire"]
CMD ["run"]
