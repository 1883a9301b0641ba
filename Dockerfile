# One image for the chat service, the web page and the bots. The command selects the part.
FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt
WORKDIR /build
RUN python -m venv /opt/threadwell
# Install the dependencies in their own layer, which is cached until they change.
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
      > requirements.txt \
    && /opt/threadwell/bin/python -m pip install --quiet -r requirements.txt
COPY README.md ./
COPY bench ./bench
COPY chat_service ./chat_service
COPY bots ./bots
RUN /opt/threadwell/bin/python -m pip install --quiet --no-deps .

FROM python:3.13-slim
COPY --from=build /opt/threadwell /opt/threadwell
ENV PATH=/opt/threadwell/bin:$PATH PYTHONUNBUFFERED=1
RUN useradd --system --create-home --home-dir /var/lib/threadwell threadwell
USER threadwell
WORKDIR /var/lib/threadwell
ENTRYPOINT ["threadwell"]
CMD ["--help"]
