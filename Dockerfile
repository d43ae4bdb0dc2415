# syntax=docker/dockerfile:1
# Both base images are arguments, so that a build without a registry can bring its own.
ARG BUILD_IMAGE=docker.io/library/rust:1.95-bookworm
ARG RUN_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILD_IMAGE} AS build
WORKDIR /build
# Dependencies first: they change rarely and take most of the time.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src && echo 'fn main() {}' > src/main.rs && touch src/lib.rs \
    && cargo build --release --locked \
    && rm -r src
COPY src src
# The stand-ins above are newer than the copied files, and cargo goes by the time.
RUN find src -name '*.rs' -exec touch {} + \
    && cargo build --release --locked \
    && mkdir -p /data

FROM ${RUN_IMAGE}
COPY --from=build /build/target/release/bellwire /usr/local/bin/bellwire
COPY --from=build --chown=65532:65532 /data /data
USER 65532:65532
VOLUME /data
ENV BELLWIRE_DATA_DIR=/data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s CMD ["/usr/local/bin/bellwire", "health"]
ENTRYPOINT ["/usr/local/bin/bellwire"]
CMD ["run"]
