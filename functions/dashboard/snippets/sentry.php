<?php
// Report every uncaught exception. Run `composer require sentry/sentry`. Set SENTRY_DSN.
require __DIR__ . '/vendor/autoload.php';

Sentry\init([
    'dsn' => getenv('SENTRY_DSN'),
    'release' => '1.0.0',
    'environment' => getenv('APP_ENV') ?: 'production',
]);

throw new DomainException('The shop is closed'); // the bug
