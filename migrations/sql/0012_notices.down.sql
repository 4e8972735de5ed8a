DROP TABLE licensing.notice_settings;
