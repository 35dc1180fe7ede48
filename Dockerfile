# The image holds one static program, the certificates that it needs to call
# providers, and a folder for its data.
#
#   docker build --build-arg VERSION=1.2.3 -t dreamchat .
#   docker run -p 3002:3002 -v dreamchat:/data dreamchat
ARG GO_IMAGE=golang:1.26-bookworm

FROM ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false \
      -ldflags "-s -w -X main.version=${VERSION}" -o /out/dreamchat ./cmd/dreamchat \
 && mkdir -p -m 700 /out/root/data

FROM scratch
ARG VERSION=dev
LABEL org.opencontainers.image.title="Dreamchat" \
      org.opencontainers.image.description="Backend of an AI chat product that streams, saves and resumes its answers" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/dreamchat /dreamchat
# A folder inside of what is copied keeps its mode.
COPY --from=build --chown=65532:65532 /out/root /
ENV HOST=0.0.0.0 PORT=3002 DATA_DIR=/data
USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 3002
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["/dreamchat", "healthcheck"]
ENTRYPOINT ["/dreamchat"]
CMD ["serve"]
