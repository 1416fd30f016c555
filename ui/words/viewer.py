"""Texts of the viewer: turning, zooming, the slideshow, and what is known of a photo."""

from ui.words.translation import Translation


class ViewerWords:
    """The dialog that shows a photo large, and the panel beside it."""

    previous = Translation("Previous", "上一个")
    following = Translation("Next", "下一个")
    viewer_tools = Translation("Look closer", "查看工具")
    zoom_in = Translation("Zoom in (+)", "放大（+）")
    zoom_out = Translation("Zoom out (-)", "缩小（-）")
    zoom_fit = Translation("Fit the window (0)", "适合窗口（0）")
    fit = Translation("Fit", "适合")
    slideshow = Translation("Slideshow", "幻灯片")
    slideshow_stop = Translation("Stop", "停止")
    slideshow_pause = Translation("Seconds for each photo", "每张照片的秒数")
    slideshow_seconds = Translation("{seconds} s", "{seconds} 秒")

    photo_info = Translation("About this photo", "照片信息")
    file_info = Translation("About this file", "文件信息")
    info_taken = Translation("Taken", "拍摄时间")
    info_changed = Translation("File changed", "文件修改时间")
    info_camera = Translation("Camera", "相机")
    info_lens = Translation("Lens", "镜头")
    info_exposure = Translation("Exposure", "曝光")
    info_size = Translation("Size", "大小")
    info_length = Translation("Length", "时长")
    info_colours = Translation("Colours", "颜色")
    info_place = Translation("Place", "地点")
    info_collection = Translation("Collection", "合集")
    info_file = Translation("File", "文件")
    offline = Translation("offline", "离线")
    info_offline = Translation("Offline", "离线")
    info_away = Translation(
        "{folder} is not there now. The file stays known, and can be opened once it is back.",
        "{folder} 目前不存在。该文件仍在图库中，待其恢复后即可打开。",
    )
    info_lies = Translation("Where it lies", "所在位置")
    info_said_inside = Translation("The file itself says", "文件自带说明")
    info_said_beside = Translation("Its sidecar says", "附属文件（XMP）说明")
    info_said_program = Translation("{program} says", "{program} 的说明")
    shutter = Translation("{time} s", "{time} 秒")
    focal = Translation("{length} mm", "{length} 毫米")
    focal_film = Translation("{length} mm ({film} mm on 35 mm film)", "{length} 毫米（等效 {film} 毫米）")
    pixels = Translation("{width} × {height} pixels", "{width} × {height} 像素")
    north = Translation("{degrees}° N", "北纬 {degrees}°")
    south = Translation("{degrees}° S", "南纬 {degrees}°")
    east = Translation("{degrees}° E", "东经 {degrees}°")
    west = Translation("{degrees}° W", "西经 {degrees}°")
    map_world = Translation("The world, with this place marked", "世界地图，已标出此地点")
    map_close = Translation("The country around this place", "此地点周围的国家")
    words_found = Translation("Words found in it", "图中的文字")
    boxes = Translation("Boxes", "方框")
    boxes_all = Translation("All boxes", "全部方框")

    description = Translation("Description", "描述")
    description_machine = Translation("Said by a machine, which may be wrong", "由机器描述，可能有误")
    description_own = Translation("In your own words; searches find them", "你自己的描述，可被搜索到")
    description_none = Translation("Nothing is said of it yet. Say it in your own words.", "尚无描述，可自行填写。")
    description_save = Translation("Save the description", "保存描述")
    description_undo = Translation("Take my words back", "撤回我的描述")
    description_saved = Translation(
        "The description is kept, and the photo is found by it.", "描述已保存，可据此搜索到照片。"
    )
    description_undone = Translation("Your words are taken back.", "已撤回你的描述。")
