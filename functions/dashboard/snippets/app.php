<?php
// Report every uncaught exception. Needs no library. Set ERRATA_URL and ERRATA_KEY.

set_exception_handler(function (Throwable $error): void {
    $event = [
        'exception_class' => get_class($error),
        'message' => $error->getMessage(),
        'file' => $error->getFile(),
        'line' => $error->getLine(),
        'stack_trace' => $error->getTraceAsString(),
        'server_name' => gethostname(),
        'url' => $_SERVER['REQUEST_URI'] ?? null,
    ];
    $request = stream_context_create(['http' => [
        'method' => 'POST',
        'header' => "Content-Type: application/json\r\nX-Api-Key: " . getenv('ERRATA_KEY'),
        'content' => json_encode($event, JSON_INVALID_UTF8_SUBSTITUTE),
        'timeout' => 3,
        'ignore_errors' => true,
    ]]);
    file_get_contents(getenv('ERRATA_URL') . '/api/ingest', false, $request);
    error_log((string) $error);
    exit(255);
});

throw new DomainException('The shop is closed'); // the bug
