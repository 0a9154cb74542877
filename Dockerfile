# All programs of acmesync in one image without a shell: api, worker, starter, sandbox, and health for checks.
# Which one runs is the container's command.
FROM golang:1.26.8 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/ ./api ./worker ./starter ./sandbox ./deploy/health \
 && mkdir /out/data

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/api /out/worker /out/starter /out/sandbox /out/health /usr/local/bin/
# A volume mounted here belongs to the user of the image from its first use on.
COPY --from=build --chown=nonroot:nonroot /out/data /data
USER nonroot:nonroot
CMD ["/usr/local/bin/api"]
