/* SPDX-License-Identifier: MIT */
#include "volume.h"

#include "machine.h"
#include "mem.h"
#include "strings.h"

/* Room for the structure and the longest name that firmware puts behind it. */
union info_buffer {
	EFI_FILE_INFO file;
	EFI_FILE_SYSTEM_INFO volume;
	u8 bytes[sizeof(EFI_FILE_INFO) + 2 * MAX_PATH_CHARS];
};

static EFI_GUID file_info_guid = EFI_FILE_INFO_ID;

int volume_error(EFI_STATUS status)
{
	if (!EFI_ERROR(status))
		return 0;
	if (status == EFI_NOT_FOUND || status == EFI_NO_MEDIA)
		return -ERR_NOENT;
	if (status == EFI_WRITE_PROTECTED || status == EFI_ACCESS_DENIED)
		return -ERR_ROFS;
	if (status == EFI_VOLUME_FULL || status == EFI_OUT_OF_RESOURCES)
		return -ERR_NOSPC;
	return -ERR_IO;
}

EFI_FILE *volume_root(void)
{
	static const EFI_GUID guid = SIMPLE_FILE_SYSTEM_PROTOCOL;
	EFI_FILE_IO_INTERFACE *system;
	EFI_FILE *root = NULL;
	EFI_STATUS status;

	system = firmware.loaded ? firmware_protocol(firmware.loaded->DeviceHandle, &guid) : NULL;
	if (!system)
		return NULL;
	firmware_enter();
	status = system->OpenVolume(system, &root);
	firmware_leave();
	return EFI_ERROR(status) ? NULL : root;
}

int volume_open(EFI_FILE *dir, const CHAR16 *path, u64 mode, u64 attributes, EFI_FILE **ret)
{
	EFI_STATUS status;

	firmware_enter();
	status = dir->Open(dir, ret, (CHAR16 *)path, mode, attributes);
	firmware_leave();
	return volume_error(status);
}

void volume_close(EFI_FILE *file)
{
	if (!file)
		return;
	firmware_enter();
	file->Close(file);
	firmware_leave();
}

int volume_free(EFI_FILE *root, u64 *ret_free_bytes, bool *ret_read_only)
{
	static EFI_GUID guid = EFI_FILE_SYSTEM_INFO_ID;
	union info_buffer info;
	UINTN bytes = sizeof(info);
	EFI_STATUS status;

	firmware_enter();
	status = root->GetInfo(root, &guid, &bytes, &info);
	firmware_leave();
	if (EFI_ERROR(status))
		return volume_error(status);
	*ret_free_bytes = info.volume.FreeSpace;
	*ret_read_only = info.volume.ReadOnly;
	return 0;
}

int volume_write(EFI_FILE *file, const void *data, size_t len)
{
	UINTN done = len;
	EFI_STATUS status;

	firmware_enter();
	status = file->Write(file, &done, (void *)data);
	firmware_leave();
	if (EFI_ERROR(status))
		return volume_error(status);
	return done == len ? 0 : -ERR_NOSPC;
}

int volume_read(EFI_FILE *file, void *data, size_t len)
{
	UINTN done = len;
	EFI_STATUS status;

	firmware_enter();
	status = file->Read(file, &done, data);
	firmware_leave();
	if (EFI_ERROR(status))
		return volume_error(status);
	return done == len ? 0 : -ERR_IO;
}

int volume_seek(EFI_FILE *file, u64 position)
{
	EFI_STATUS status;

	firmware_enter();
	status = file->SetPosition(file, position);
	firmware_leave();
	return volume_error(status);
}

int volume_flush(EFI_FILE *file)
{
	EFI_STATUS status;

	firmware_enter();
	status = file->Flush(file);
	firmware_leave();
	return volume_error(status);
}

static int get_info(EFI_FILE *file, union info_buffer *info)
{
	UINTN bytes = sizeof(*info);
	EFI_STATUS status;

	firmware_enter();
	status = file->GetInfo(file, &file_info_guid, &bytes, info);
	firmware_leave();
	return volume_error(status);
}

int volume_size(EFI_FILE *file, u64 *ret_bytes)
{
	union info_buffer info;
	int rc = get_info(file, &info);

	if (rc == 0)
		*ret_bytes = info.file.FileSize;
	return rc;
}

int volume_resize(EFI_FILE *file, u64 bytes)
{
	union info_buffer info;
	EFI_STATUS status;
	int rc = get_info(file, &info);

	if (rc)
		return rc;
	info.file.FileSize = bytes;
	firmware_enter();
	status = file->SetInfo(file, &file_info_guid, info.file.Size, &info);
	firmware_leave();
	return volume_error(status);
}

int volume_delete(EFI_FILE *file)
{
	EFI_STATUS status;

	firmware_enter();
	status = file->Delete(file);
	firmware_leave();
	/* A warning means that the file is still there. */
	return status == EFI_SUCCESS ? 0 : -ERR_IO;
}

bool volume_next_entry(EFI_FILE *dir, char *ret_name)
{
	union info_buffer info;
	UINTN bytes = sizeof(info);
	struct string name;
	EFI_STATUS status;

	firmware_enter();
	status = dir->Read(dir, &bytes, &info);
	firmware_leave();
	if (EFI_ERROR(status) || bytes == 0)
		return false;
	string_init(&name, ret_name, MAX_PATH_CHARS);
	string_add_ucs2(&name, info.file.FileName, MAX_PATH_CHARS);
	return true;
}
